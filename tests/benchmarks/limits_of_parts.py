"""How much each part of the farm can carry on this machine: the database, the broker, the storage's listing.

`python -m tests.benchmarks.limits_of_parts` prints all; `database`, `broker`, `storage` one of them.
"""

import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from farm.ledger import Ledger, Progress, Worker, open_ledger
from farm.queue import TicketQueue
from farm.settings import Settings
from farm.storage import Storage, open_storage
from farm.storage.folder import FolderStorage
from tests.chaos.yard import set_aside
from tests.services.postgres import running_postgres
from tests.services.process import ServiceMissing
from tests.services.redis import running_redis
from tests.services.rgw import running_rgw

SPEC = {"kind": "render", "cascade": "c" * 64, "size_px": 1024, "psi": 0.7, "sigma": 0.0}
SECONDS = 8.0
BEATS_A_TASK = 20
"""A task of a minute, beaten every 3 s."""
TICKETS = 2000
LISTED = (1000, 10_000, 50_000)


def main(names: Sequence[str]) -> int:
    """Print the figures; the exit status."""
    parts: dict[str, Callable[[], None]] = {"database": database, "broker": broker, "storage": storage}
    for name in names or parts:
        parts[name]()
    return 0


# The database: claim, twenty beats, finish, demand, from so many processes at once


def database() -> None:
    """Transactions a second of the mix that tasks of a minute make."""
    for folder in (Path("/dev/shm"), Path(tempfile.gettempdir())):
        if folder.is_dir():
            with tempfile.TemporaryDirectory(prefix="farm-bench-", dir=folder) as home:
                _mixes(f"SQLite in {folder}", f"sqlite:///{home}/ledger.sqlite")
    try:
        with running_postgres() as cluster, cluster.database() as url:
            _mixes("Postgres, fsync off", url)
    except ServiceMissing as error:
        print(f"no Postgres: {error}")


def _mixes(name: str, url: str) -> None:
    with open_ledger(url) as ledger:
        ledger.submit(SPEC, kind="render", ranges=[(0, 10**12)])
    for processes in (1, 2, 4, 8):
        counts = _in_processes(processes, _mix, url)
        tasks, beats, seconds = (sum(c[0] for c in counts), sum(c[1] for c in counts), max(c[2] for c in counts))
        cpu_s = sum(c[3] for c in counts)
        print(
            f"{name}, {processes} processes: {(2 * tasks + beats) / seconds:7.0f} writes/s "
            f"({beats / seconds:.0f} beats, {tasks / seconds:.1f} tasks); "
            f"{1000 * cpu_s / max(1, 2 * tasks + beats):.2f} ms processor time of the clients a write",
            flush=True,
        )


def _mix(url: str, index: int, ready: Any, told: Any) -> None:
    """Works off tasks without any work, as fast as the ledger lets it."""
    name = f"worker-{index}"
    with open_ledger(url) as ledger:
        ledger.register_worker(
            Worker(
                name=name, kinds=("render",), device="cpu", render_class="none", slots=1, draining=False, seen_at=0.0,
                leave_until=None, rates={},
            )
        )  # fmt: skip
        ledger.claim(name, ("render",))  # statements are compiled once a process
        ready.wait(60)
        began_s, cpu_s, tasks, beats = time.perf_counter(), time.process_time(), 0, 0
        while time.perf_counter() - began_s < SECONDS:
            beats += _one_task(ledger, name)
            tasks += 1
        told.put((tasks, beats, time.perf_counter() - began_s, time.process_time() - cpu_s))


def _one_task(ledger: Ledger, name: str) -> int:
    claim = ledger.claim(name, ("render",))
    if claim is None:
        raise RuntimeError("the job is at its end")
    for beat in range(BEATS_A_TASK):
        cursor = claim.cursor + (claim.hi - claim.cursor) * beat // BEATS_A_TASK
        ledger.beat(claim.task_id, claim.attempt, Progress(cursor=cursor, rate=8.0))
    ledger.finish(claim.task_id, claim.attempt, Progress(cursor=claim.hi, rate=8.0))
    ledger.demand()
    return BEATS_A_TASK


def _in_processes(processes: int, work: Callable[..., None], url: str) -> list[tuple[int, int, float, float]]:
    context = multiprocessing.get_context("spawn")
    ready, told = context.Barrier(processes), context.Queue()
    started = [context.Process(target=work, args=(url, index, ready, told)) for index in range(processes)]
    for process in started:
        process.start()
    counts = [told.get(timeout=120) for _ in started]
    for process in started:
        process.join(30)
    return counts


# The broker: tickets sent one after another by one process, as a nudge sends them


def broker() -> None:
    """Tickets a second into a real Redis, and looks at a list's length."""
    with tempfile.TemporaryDirectory(prefix="farm-bench-") as folder, running_redis() as redis:
        queue = TicketQueue(Settings.model_validate({"home": folder, "redis_url": redis.url}))
        queue.send("render", 1)
        began_s, cpu_s = time.perf_counter(), time.process_time()
        queue.send("render", TICKETS)
        took_s, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
        with redis.client() as client:
            used = client.info("memory")["used_memory"]
            one = client.memory_usage(client.keys("*render*")[0]) / queue.waiting("render")
        began_s = time.perf_counter()
        for _ in range(TICKETS):
            queue.waiting("render")
        looks_s = time.perf_counter() - began_s
        queue.close()
    print(
        f"Redis: {TICKETS / took_s:,.0f} tickets/s from one sender ({1000 * cpu_s / TICKETS:.2f} ms of its processor "
        f"time each), {TICKETS / looks_s:,.0f} looks/s; {one:,.0f} bytes a waiting ticket; {used / 1e6:.1f} MB in all"
    )


# Storage: how long a listing takes, which a collection makes of everything


def storage() -> None:
    """Objects listed a second, for growing stores."""
    with tempfile.TemporaryDirectory(prefix="farm-bench-") as home:
        _listings("folder", FolderStorage(Path(home), secret=b"benchmark"))
    with _s3() as store:
        if store is not None:
            _listings("S3 (Ceph RGW)", store, sizes=LISTED[:2])


def _listings(name: str, store: Storage, sizes: Sequence[int] = LISTED) -> None:
    made = 0
    for size in sizes:
        began_s = time.perf_counter()
        for unit in range(made, size):
            recipe = f"{(unit * 0x9E3779B97F4A7C15) % 2**64:016x}" * 4
            store.put(f"portraits/{recipe[:2]}/{recipe}.png", b"x" * 100)
        put_s, added, made = time.perf_counter() - began_s, size - made, size
        began_s, cpu_s = time.perf_counter(), time.process_time()
        count = sum(1 for _ in store.list("portraits/"))
        took_s = time.perf_counter() - began_s
        cpu_s = time.process_time() - cpu_s
        print(
            f"{name}: {count:,} objects listed in {took_s:.2f} s, {count / took_s:,.0f}/s "
            f"({1e6 * cpu_s / count:.0f} us of processor time each); put at {added / put_s:,.0f}/s by one thread",
            flush=True,
        )


@contextmanager
def _s3() -> Iterator[Storage | None]:
    try:
        with running_rgw() as server, server.bucket() as bucket, tempfile.TemporaryDirectory() as home:
            told = {"home": home, "storage_url": f"s3://{bucket}", "s3_endpoint_url": server.endpoint_url}
            with set_aside(server.credentials):
                yield open_storage(Settings.model_validate(told))
    except ServiceMissing as error:
        print(f"no S3 server: {error}")
        yield None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
