"""A bulk batch for real: what a portrait costs at 1,000, 10,000 and 100,000 of them, and what stays flat meanwhile.

`python -m tests.benchmarks.bulk [--portraits 100000] [--ledger sqlite|postgres] [--storage folder|s3]` renders jobs of
a hundredth, a tenth and all of so many portraits at 64 px with two worker processes and an API, and then asks for the
last one's portraits once more, in a job that finds them all. Overhead is the CPU seconds of all farm processes (API,
workers' parents and children, Redis) less those of the device's own threads. Exits 1 where overhead or statements a
portrait grow by more than a tenth from the middle batch to the large one, or where some process of the farm has more
memory in the last third of the large batch than in the middle one, by more than 5 %.
"""

import argparse
import contextlib
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import create_engine, text

from farm.ledger.states import TERMINAL_JOB_STATES, JobState
from farm.specs.kinds import QUEUES
from tests.benchmarks.grounds import ORDINARY, demo_objects
from tests.chaos.yard import Yard, open_yard
from tests.services.postgres import running_postgres
from tests.services.process import free_ports
from tests.services.redis import running_redis
from tests.services.rgw import running_rgw

WORKERS = ("north", "south")
GROWTH = 1.1
MEMORY_GROWTH = 1.05
SAMPLES = 60
LEAST_S = 0.5
WARM_UP = 400
MIB = 1 << 20


@dataclass(frozen=True)
class Sample:
    """One look at the farm. Sizes in bytes; rss by process."""

    settled: int
    ledger: int
    waiting: int
    redis: int
    rss: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one job took, all processes of the farm together."""

    portraits: int
    wall_s: float
    cpu_s: float
    device_cpu_s: float
    statements: float
    samples: tuple[Sample, ...] = field(repr=False)

    @property
    def overhead_ms(self) -> float:
        """CPU milliseconds a portrait beside the device's own."""
        return (self.cpu_s - self.device_cpu_s) * 1000 / self.portraits

    @property
    def statements_each(self) -> float:
        return self.statements / self.portraits

    def told(self) -> str:
        rate = self.portraits / self.wall_s
        return (
            f"{self.portraits:>9,} {self.wall_s:>9.1f} {rate:>8.0f} {self.device_cpu_s * 1000 / self.portraits:>9.2f} "
            f"{self.overhead_ms:>11.2f} {self.statements_each:>11.3f}"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; the exit status."""
    wanted = _parsed(arguments)
    told, objects = demo_objects()
    print(f"{told}, {wanted.size} px, {len(WORKERS)} workers, {wanted.ledger} and {wanted.storage}", flush=True)
    with _farm(wanted) as farm:
        farm.yard.import_cascade(objects)
        farm.render(0, WARM_UP, wanted.size)  # weights are loaded, the rate is known
        sizes = (wanted.portraits // 100, wanted.portraits // 10, wanted.portraits)
        print("portraits    wall s   a second device ms overhead ms  statements   (each of the last three a portrait)")
        costs = []
        for index, size in enumerate(sizes):
            costs.append(farm.render((index + 1) * 10 * wanted.portraits, size, wanted.size))
            print(costs[-1].told(), flush=True)
        again = farm.render(len(sizes) * 10 * wanted.portraits, sizes[-1], wanted.size)
        print(f"{again.told()}   asked for again: all reused", flush=True)
        _tell_samples(costs[-1])
        return 1 if _misses(costs) else 0


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="a bulk batch for real")
    parser.add_argument("--portraits", type=int, default=100_000)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--ledger", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--storage", choices=("folder", "s3"), default="folder")
    parser.add_argument("--folder", type=Path, default=None, help="where the farm lies; a temporary one by default")
    return parser.parse_args(arguments)


@dataclass
class Farm:
    """A yard at work, and how to look at it."""

    yard: Yard
    ports: Mapping[str, int]
    ledger_url: str

    def render(self, first: int, portraits: int, size_px: int) -> Cost:
        """One job of fresh seeds (or those of an earlier one) from submission to done."""
        spec = {
            "kind": "render", "cascade": "tiny", "size_px": size_px,
            "seeds": f"{first}..{first + portraits - 1}",
        }  # fmt: skip
        before, began_s = self._spent(), time.monotonic()
        job_id = self.yard.submit(spec)
        samples: list[Sample] = []
        ended = threading.Event()
        sampler = threading.Thread(target=self._sample, args=(job_id, ended, samples))
        sampler.start()
        try:
            while (job := self.yard.ledger.get_job(job_id)).state not in TERMINAL_JOB_STATES:
                time.sleep(0.1)
        finally:
            wall_s = time.monotonic() - began_s
            ended.set()
            sampler.join()
        if job.state is not JobState.DONE or job.failed:
            raise RuntimeError(self.yard.report(job_id))
        cpu_s, device_s, statements = (now - then for now, then in zip(self._spent(), before, strict=True))
        return Cost(
            portraits=portraits,
            wall_s=wall_s,
            cpu_s=cpu_s,
            device_cpu_s=device_s,
            statements=statements,
            samples=tuple(samples),
        )

    def processes(self) -> dict[str, psutil.Process]:
        """Every process of the farm by what it is."""
        found = {f"{name}'s child": self.yard.workers[name].child() for name in WORKERS}
        found |= {f"{name}'s parent": self.yard.workers[name].parent for name in WORKERS}
        if self.yard.api is not None:
            found["API"] = psutil.Process(self.yard.api.pid)
        found["Redis"] = psutil.Process(self.yard.redis.pid)
        return found

    def _spent(self) -> tuple[float, float, float]:
        """CPU seconds of all processes, those of the devices' threads, SQL statements; since they began."""
        cpu_s = sum(sum(process.cpu_times()[:2]) for process in self.processes().values())
        device_s = statements = 0.0
        for port in self.ports.values():
            headers = {"Authorization": f"Bearer {self.yard.key}"}
            page = httpx.get(f"http://127.0.0.1:{port}/metrics", headers=headers, timeout=30).text
            for family in text_string_to_metric_families(page):
                for sample in family.samples:
                    if sample.name == "farm_render_cpu_seconds_total" and sample.labels["step"] == "device":
                        device_s += sample.value
                    if sample.name == "farm_ledger_statements_total":
                        statements += sample.value
        return cpu_s, device_s, statements

    def _sample(self, job_id: int, ended: threading.Event, into: list[Sample]) -> None:
        """A look each time another SAMPLES-th of the job is settled, at least LEAST_S apart."""
        due = 0.0
        while not ended.wait(LEAST_S):
            job = self.yard.ledger.get_job(job_id)
            settled = job.done + job.failed
            if settled < due:
                continue
            due = settled + job.total / SAMPLES
            into.append(self._look(settled))

    def _look(self, settled: int) -> Sample:
        with self.yard.redis.client() as redis:
            waiting = sum(int(redis.llen(queue)) for queue in QUEUES)
            memory = int(redis.info("memory")["used_memory"])
        rss = {name: process.memory_info().rss for name, process in self.processes().items()}
        return Sample(settled, self._ledger_bytes(), waiting, memory, rss)

    def _ledger_bytes(self) -> int:
        if self.yard.settings.is_sqlite:
            return sum(path.stat().st_size for path in self.yard.settings.home.glob("ledger.sqlite*"))
        engine = create_engine(self.ledger_url.replace("postgresql://", "postgresql+psycopg://"))
        with engine.connect() as connection:
            size = connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
        engine.dispose()
        return int(size)


@contextlib.contextmanager
def _farm(wanted: argparse.Namespace) -> Iterator[Farm]:
    """Redis, ledger, storage, an API and the workers, each with a door for its numbers."""
    with contextlib.ExitStack() as stack:
        redis = stack.enter_context(running_redis())
        folder = wanted.folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="farm-bench-")))
        url, environment = "", dict[str, str]()
        told: dict[str, object] = {**ORDINARY, "task_target_s": 60.0}
        if wanted.ledger == "postgres":
            url = stack.enter_context(stack.enter_context(running_postgres()).database())
        if wanted.storage == "s3":
            rgw = stack.enter_context(running_rgw())
            bucket, environment = stack.enter_context(rgw.bucket()), dict(rgw.credentials)
            told |= {"storage_url": f"s3://{bucket}/farm", "s3_endpoint_url": rgw.endpoint_url}
        yard = stack.enter_context(
            open_yard(folder / "farm", redis=redis, ledger_url=url, told=told, environment=environment)
        )
        ports = dict(zip(WORKERS, free_ports(len(WORKERS)), strict=True))
        for name in WORKERS:
            yard.start_worker(name, environment={"FARM_METRICS_PORT": str(ports[name])})
        yard.start_api()
        yard.wait_until_ready(*WORKERS)
        yield Farm(yard, ports, url)


def _tell_samples(cost: Cost) -> None:
    """How the farm stood over time: ten of the looks."""
    names = sorted(cost.samples[0].rss) if cost.samples else []
    print("\n  settled  ledger MiB  tickets  Redis MiB  RSS MiB: " + ", ".join(names))
    shown = cost.samples[:: max(1, len(cost.samples) // 10)]
    for look in shown:
        rss = "  ".join(f"{look.rss.get(name, 0) / MIB:.0f}" for name in names)
        print(f"{look.settled:>9,} {look.ledger / MIB:>11.1f} {look.waiting:>8} {look.redis / MIB:>10.1f}  {rss}")


def _misses(costs: Sequence[Cost]) -> list[str]:
    """What is not flat, in words; all of it is printed."""
    _, middle, large = costs
    told = [
        _judged("overhead a portrait, CPU", large.overhead_ms / middle.overhead_ms, GROWTH),
        _judged("SQL statements a portrait", large.statements_each / middle.statements_each, GROWTH),
    ]
    third = len(large.samples) // 3
    second, last = large.samples[third : 2 * third], large.samples[2 * third :]
    for name in sorted(large.samples[0].rss) if third else []:
        means = [statistics.mean(look.rss[name] for look in looks if name in look.rss) for looks in (second, last)]
        told.append(_judged(f"memory of {name}", means[1] / means[0], MEMORY_GROWTH))
    tickets = max((look.waiting for look in large.samples), default=0)
    told.append(_judged("tickets waiting, at most", tickets, 2 * len(QUEUES) * (len(WORKERS) + 1)))
    return [line for line in told if line]


def _judged(what: str, found: float, limit: float) -> str:
    good = found <= limit
    print(f"{'PASS' if good else 'FAIL'}  {what}: {found:.3f} (limit {limit:g})")
    return "" if good else what


if __name__ == "__main__":
    sys.exit(main())
