"""What a second machine brings: portraits a second with one worker and with two, each with one core and one thread.

`python -m tests.benchmarks.three_hosts [--pairs 3] [--seconds 25] [--size 1024]`, as root on Linux: three network
namespaces (services, north, south) with ordinary settings; alternating jobs with south asleep and awake, in one run.
A worker's speed is what the ledger's record says between two of its beats; the end of a job, where one of two has
nothing left, is not counted. Beside it: the same cascade in bare processes, one and two at a time (what the machine
itself gives), and who used how much of a core. Exits 1 below the goal of 1.9.
"""

import argparse
import contextlib
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from farm.ledger import JobState
from farm.planning import recipe_for
from farm.specs import RenderSpec
from tests.benchmarks.grounds import ORDINARY, Figure, demo_objects
from tests.hosts.farm import WORKERS, ThreeHosts, asleep, open_three_hosts
from tests.services.process import ServiceMissing
from workers.cascade.allocator import keep_pages
from workers.cascade.container import load_cascade

GOAL = 1.9
TASKS_S = 10.0
LOAD_S = 15.0
POLL_S = 1.0
LEAST = 30
SERVICES = {"postgres": "Postgres", "redis-server": "Redis", "radosgw": "S3", "ceph-osd": "S3", "ceph-mon": "S3"}


@dataclass(frozen=True)
class Speed:
    """Portraits a second of the whole farm, and the cores' shares by who used them."""

    rate: float
    cores: dict[str, float]

    def __str__(self) -> str:
        shares = ", ".join(f"{who} {share:.3f}" for who, share in sorted(self.cores.items()))
        return f"{self.rate:.2f} portraits/s (cores: {shares})"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print both ratios; the exit status."""
    wanted = _parsed(arguments)
    if wanted.paint_until:
        return _paint(wanted)
    told, _ = demo_objects()
    bare = [_bare(count, wanted) for count in (1, 2)]
    print(f"{told}, {wanted.size} px; bare processes: one {bare[0]:.2f}, two {bare[1]:.2f} portraits/s", flush=True)
    print(f"bare 2 ÷ 1: {bare[1] / bare[0]:.3f}: the limit of this machine", flush=True)
    try:
        with (
            tempfile.TemporaryDirectory(prefix="farm-bench-") as folder,
            open_three_hosts(Path(folder) / "farm", told={**ORDINARY, "task_target_s": TASKS_S}) as farm,
        ):
            ratio = _pairs(farm, wanted, alone=bare[0])
    except ServiceMissing as error:
        print(f"no three hosts: {error}")
        return 0
    print(f"two workers ÷ one: {ratio}; goal {GOAL}")
    return 0 if ratio.median >= GOAL else 1


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="one worker against two, over three hosts")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=25.0, help="of a job with one worker, or with two")
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--paint-until", type=float, default=0.0, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def _pairs(farm: ThreeHosts, wanted: argparse.Namespace, *, alone: float) -> Figure:
    for name in WORKERS:
        farm.start_worker(name)
    farm.wait_until_ready(*WORKERS)
    farm.import_cascade(demo_objects()[1])
    seeds = itertools.count()
    _run(farm, seeds, 40, wanted.size)  # weights are loaded, rates are known
    ratios = []
    for index in range(wanted.pairs):
        with asleep(farm, "south"):
            one = _measured(farm, seeds, max(LEAST, int(alone * wanted.seconds)), wanted.size)
        two = _measured(farm, seeds, max(LEAST, int(2 * alone * wanted.seconds)), wanted.size)
        ratios.append(two.rate / one.rate)
        print(f"pair {index}: one {one}\n        two {two}\n        ratio {ratios[-1]:.3f}", flush=True)
    return Figure(ratios)


Marks = dict[str, dict[float, int]]
"""By worker: how many portraits it had settled at each of its beats (time of the database)."""


def _measured(farm: ThreeHosts, seeds: Iterator[int], count: int, size_px: int) -> Speed:
    """The speed at which one job of `count` fresh portraits went while nobody had run out of work."""
    marks, spent = _run(farm, seeds, count, size_px)
    begin_s, end_s = max(min(each) for each in marks.values()), min(max(each) for each in marks.values())
    rate = sum(_rate(each, end_s) for each in marks.values())
    return Speed(rate, _cores(spent, begin_s, end_s))


def _run(
    farm: ThreeHosts, seeds: Iterator[int], count: int, size_px: int
) -> tuple[Marks, list[tuple[float, dict[str, float]]]]:
    """One job to its end: what the workers settled, and the processor seconds by who used them, over time."""
    start = next(seeds)
    next(itertools.islice(seeds, count, count), None)
    spec = {"kind": "render", "cascade": "tiny", "seeds": f"{start}..{start + count - 1}", "size_px": size_px}
    job_id = farm.submit(spec)
    marks: Marks = {}
    spent: list[tuple[float, dict[str, float]]] = []
    watched = _watched(farm)
    while (job := farm.ledger.get_job(job_id)).state is not JobState.DONE:
        if job.state in (JobState.FAILED, JobState.CANCELLED):
            raise RuntimeError(farm.report(job_id))
        _mark(farm, job_id, marks)
        spent.append((time.time(), _cpu_s(watched)))
        time.sleep(POLL_S)
    _mark(farm, job_id, marks)
    return marks, spent


def _mark(farm: ThreeHosts, job_id: int, marks: Marks) -> None:
    """Note how many portraits each worker had settled by its last beat."""
    settled: dict[str, tuple[float, int]] = {}
    for task in farm.record(job_id):
        if task.kind == "render" and task.worker and task.progress_at and task.cursor > task.lo:
            at_s, units = settled.get(task.worker, (0.0, 0))
            settled[task.worker] = (max(at_s, task.progress_at), units + task.cursor - task.lo)
    for name, (at_s, units) in settled.items():
        marks.setdefault(name, {})[at_s] = units


def _rate(marks: dict[float, int], end_s: float) -> float:
    """Portraits a second between a worker's first beat and its last one before `end_s`."""
    within = sorted(at_s for at_s in marks if at_s <= end_s)
    if len(within) < 2:
        raise RuntimeError("the job was over within two beats: ask for more --seconds")
    first_s, last_s = within[0], within[-1]
    return (marks[last_s] - marks[first_s]) / (last_s - first_s)


def _cores(spent: Sequence[tuple[float, dict[str, float]]], begin_s: float, end_s: float) -> dict[str, float]:
    """Share of a core by who used it, between two moments."""
    within = [each for each in spent if begin_s <= each[0] <= end_s]
    if len(within) < 2:
        return {}
    (from_s, before), (to_s, after) = within[0], within[-1]
    return {who: (seconds - before.get(who, 0.0)) / (to_s - from_s) for who, seconds in after.items()}


def _watched(farm: ThreeHosts) -> dict[psutil.Process, str]:
    """The farm's processes, by who they are."""
    if farm.api is None:
        raise RuntimeError("the API is down")
    found = {worker.parent: "workers' parents" for worker in farm.workers.values()}
    found |= {worker.child(): "workers' children" for worker in farm.workers.values()}
    found[psutil.Process(farm.api.pid)] = "API"
    machine = _network_of(farm.api.pid)
    for process in psutil.process_iter(["name"]):
        if process.info["name"] in SERVICES and _network_of(process.pid) == machine:
            found[process] = SERVICES[process.info["name"]]
    return found


def _network_of(pid: int) -> str:
    """Which of the machines a process runs on; empty where it has ended."""
    try:
        return str(Path(f"/proc/{pid}/ns/net").readlink())
    except OSError:
        return ""


def _cpu_s(watched: dict[psutil.Process, str]) -> dict[str, float]:
    """Processor seconds so far, by who used them."""
    spent = {"this test": sum(os.times()[:2])}
    for process, who in watched.items():
        with contextlib.suppress(psutil.NoSuchProcess):
            spent[who] = spent.get(who, 0.0) + sum(process.cpu_times()[:2])
    return spent


def _bare(count: int, wanted: argparse.Namespace) -> float:
    """Portraits a second of `count` bare processes, each on a core of its own."""
    until = time.time() + LOAD_S + wanted.seconds / 2
    command = [sys.executable, "-m", "tests.benchmarks.three_hosts", "--paint-until", str(until)]
    command += ["--seconds", str(wanted.seconds / 2), "--size", str(wanted.size)]
    cores = sorted(os.sched_getaffinity(0))[:count]
    painters = [
        subprocess.Popen(["taskset", "--cpu-list", str(core), *command], stdout=subprocess.PIPE, text=True)
        for core in cores
    ]
    return sum(float(painter.communicate(timeout=300)[0]) for painter in painters)


def _paint(wanted: argparse.Namespace) -> int:
    """What one bare process does: load, wait for the common start, paint until the common end, tell the rate."""
    keep_pages()
    _, objects = demo_objects()
    cascade = load_cascade(objects.__getitem__)
    spec = RenderSpec.model_validate({"cascade": cascade.digest, "seeds": "0", "size_px": wanted.size})
    recipes = [recipe_for(spec, seed, sizes=cascade.sizes_px) for seed in range(100_000)]
    list(cascade.render(recipes[:8]))
    time.sleep(max(0.0, wanted.paint_until - wanted.seconds - time.time()))
    began_s, painted = time.time(), 0
    for _ in cascade.render(recipes):
        painted += 1
        if time.time() >= wanted.paint_until:
            break
    print(painted / (time.time() - began_s))
    return 0


if __name__ == "__main__":
    sys.exit(main())
