"""What each of the ledger's transactions costs as the farm grows: workers, queued jobs, stored portraits.

`python -m tests.benchmarks.ledger_at_size` prints a table for SQLite and one for Postgres where it is installed:
processor time of this process for SQLite (a library in it), wall time for Postgres. `--workers 1000`: one size.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select, update

from farm.ledger import Claim, Ledger, Limits, PortraitRow, Progress
from farm.ledger.connection import Database
from farm.ledger.migrating import migrate
from farm.ledger.schema import portrait, task, worker
from tests.services.postgres import running_postgres
from tests.services.process import ServiceMissing

SPEC = {"kind": "render", "cascade": "c" * 64, "size_px": 64, "psi": 0.7, "sigma": 0.0}
RATE_KEY = f"render@64px:{'c' * 12}"
TIMES = 30
BUSY_SHARE = 0.9
ROWS = 10_000


@dataclass(frozen=True)
class Size:
    """How large the farm is: registered workers, of which nine tenths are busy, jobs with uncut units, stored rows."""

    workers: int = 10
    jobs: int = 1
    portraits: int = 0

    def __str__(self) -> str:
        return f"{self.workers:>7,} {self.jobs:>6,} {self.portraits:>10,}"


SIZES = (
    *(Size(workers=n) for n in (10, 100, 300, 1000)),
    *(Size(workers=10, jobs=n) for n in (100, 1000)),
    *(Size(workers=10, portraits=n) for n in (100_000, 1_000_000)),
)


class Ground:
    """A ledger of one size, and what is timed on it."""

    def __init__(self, url: str, size: Size) -> None:
        self.database = Database(url, limits=Limits())
        migrate(self.database)
        self.ledger, self.size = Ledger(self.database), size
        self.names = [f"host-{index:04d}-cuda0" for index in range(size.workers)]
        self._sign_on()
        for _ in range(size.jobs):
            self.ledger.submit(SPEC, kind="render", ranges=[(0, 10**9)])
        self.held = [self._claimed(name) for name in self.names[: max(1, int(size.workers * BUSY_SHARE))]]
        self._store()
        self._seen()

    def _sign_on(self) -> None:
        row = {
            "kinds": ["render", "train", "cpu"], "device": "cuda:0", "render_class": "test", "slots": 1,
            "draining": False, "strikes": 0, "rates": {RATE_KEY: 2.0},
        }  # fmt: skip
        with self.database.engine.begin() as connection:
            now = connection.execute(select(self.database.tx(connection).now)).scalar_one()
            connection.execute(insert(worker), [{**row, "name": name, "seen_at": now} for name in self.names])

    def _seen(self) -> None:
        with self.database.engine.begin() as connection:
            now = connection.execute(select(self.database.tx(connection).now)).scalar_one()
            connection.execute(update(worker).values(seen_at=now + 3600))
            connection.execute(update(task).values(lease_until=now + 3600))

    def _claimed(self, name: str) -> Claim:
        found = self.ledger.claim(name, ("render",))
        if found is None:
            raise RuntimeError(f"nothing to claim for {name}")
        return found

    def _store(self) -> None:
        fixed = {"size_bytes": 8000, "render_class": "cpu avx512 torch 2.13", "created_at": 0.0, "last_used_at": 0.0}
        for start in range(0, self.size.portraits, ROWS):
            rows = [{**fixed, **_portrait(unit)} for unit in range(start, min(start + ROWS, self.size.portraits))]
            with self.database.engine.begin() as connection:
                connection.execute(insert(portrait), rows)

    def verbs(self) -> Iterator[tuple[str, Callable[[], object]]]:
        """Name and one call of everything that is asked often."""
        idle = self.names[-1]
        cursors = {claim.task_id: claim.cursor for claim in self.held}
        turn = iter(range(10**9))

        def beat(portraits: int) -> None:
            claim = self.held[next(turn) % max(1, len(self.held) // 2)]
            cursor = min(cursors[claim.task_id] + 1, claim.hi - 1)
            cursors[claim.task_id] = cursor
            rows = tuple(PortraitRow(**_portrait(10**9 + next(turn)), **_OF_BEAT) for _ in range(portraits))
            self.ledger.beat(claim.task_id, claim.attempt, Progress(cursor=cursor, portraits=rows, rate=2.0))

        def finish() -> None:
            claim = self.held.pop()
            self.ledger.finish(claim.task_id, claim.attempt, Progress(cursor=claim.hi, rate=2.0))

        yield "claim", lambda: self.held.append(self._claimed(idle))
        yield "beat", lambda: beat(0)
        yield "beat+6", lambda: beat(6)
        yield "demand", self.ledger.demand
        yield "reap", self.ledger.reap
        yield "seen", lambda: self.ledger.worker_seen(idle)
        yield "counts", self.ledger.counts
        yield "finish", finish


_OF_BEAT: dict[str, Any] = {"size_bytes": 8000, "render_class": "cpu avx512 torch 2.13"}


def _portrait(unit: int) -> dict[str, Any]:
    """A row's values; recipes are spread over the index as digests are."""
    recipe = f"{(unit * 0x9E3779B97F4A7C15) % 2**64:016x}" * 4
    return {
        "recipe": recipe, "key": f"portraits/{recipe[:2]}/{recipe}.png", "sha256": recipe[::-1], "epoch": 0,
        "series": "5" * 64, "latent_seed": unit, "noise_seed": unit,
    }  # fmt: skip


def measure(url: str, size: Size, *, clock: Callable[[], float]) -> dict[str, float]:
    """Milliseconds a call, in the median."""
    ground = Ground(url, size)
    found = {}
    try:
        for name, call in ground.verbs():
            took = []
            for _ in range(min(TIMES, size.workers)):
                began_s = clock()
                call()
                took.append((clock() - began_s) * 1000)
            found[name] = statistics.median(took)
    finally:
        ground.ledger.close()
    return found


def table(name: str, sizes: Sequence[Size], urls: Iterator[str], *, clock: Callable[[], float]) -> None:
    """Prints a line a size."""
    head = False
    for size, url in zip(sizes, urls, strict=False):
        found = measure(url, size, clock=clock)
        if not head:
            print(f"{name}, ms a call\n{'workers':>7} {'jobs':>6} {'portraits':>10}", *(f"{n:>8}" for n in found))
            head = True
        print(size, *(f"{ms:8.2f}" for ms in found.values()), flush=True)


def main(argv: Sequence[str]) -> int:
    """Print the tables; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.ledger_at_size", description=__doc__)
    parser.add_argument("--workers", type=int, help="one size only")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--portraits", type=int, default=0)
    parser.add_argument("--database", choices=("sqlite", "postgres"), action="append")
    told = parser.parse_args(argv)
    sizes = [Size(told.workers, told.jobs, told.portraits)] if told.workers else list(SIZES)
    wanted = told.database or ["sqlite", "postgres"]
    if "sqlite" in wanted:
        shm = "/dev/shm" if Path("/dev/shm").is_dir() else None
        with tempfile.TemporaryDirectory(prefix="farm-bench-", dir=shm) as folder:
            urls = (f"sqlite:///{folder}/{index}.sqlite" for index in range(len(sizes)))
            table("SQLite in memory (processor time)", sizes, urls, clock=time.process_time)
    if "postgres" in wanted:
        try:
            with running_postgres() as cluster:
                table("Postgres (wall time)", sizes, _databases(cluster), clock=time.perf_counter)
        except ServiceMissing as error:
            print(f"no Postgres: {error}")
    return 0


def _databases(cluster: Any) -> Iterator[str]:
    while True:
        with cluster.database() as url:
            yield url


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
