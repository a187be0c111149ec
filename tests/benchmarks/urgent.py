"""How long one urgent portrait waits on a farm that is busy with a bulk job.

`python -m tests.benchmarks.urgent [--jobs 20] [--task-s 30] [--unit-s 0.5] [--postgres]` starts two workers with the
settings of an ordinary farm (a beat every 3 s), has them work on a bulk job of toy portraits (sleeps, so that a busy
machine changes little), and submits urgent jobs of one portrait at random moments, in turn by a priority that running
work does not make way for (49, a point less than a level) and by one that it does (50). Times are the ledger's.
Exits 1 where an urgent portrait that others make way for waited longer than a beat, a portrait and a second for its
claim at the median.
"""

import argparse
import contextlib
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from farm.ledger import JobState, Ledger
from tests.benchmarks.grounds import ORDINARY, Figure
from tests.chaos.yard import TOY, Yard, open_yard, wait_for
from tests.services.postgres import running_postgres
from tests.services.redis import running_redis

WORKERS = ("north", "south")
FIRST_ONLY, MADE_WAY_FOR = 49, 50
BULK_UNITS = 10**6


def main(arguments: Sequence[str] | None = None) -> int:
    """Print both distributions; the exit status."""
    wanted = _parsed(arguments)
    draw = random.Random(1)
    with _farm(wanted) as yard:
        bulk = _bulk(yard, wanted)
        waits: dict[str, list[tuple[float, float]]] = {"goes first": [], "others make way": []}
        for _ in range(wanted.jobs):
            for (name, found), priority in zip(waits.items(), (FIRST_ONLY, MADE_WAY_FOR), strict=True):
                found.append(_urgent(yard, priority, wanted.unit_s, draw))
                print(f"  {name}: claimed after {found[-1][0]:.2f} s", file=sys.stderr, flush=True)
        for name, found in waits.items():
            claimed, stored = Figure([c for c, _ in found]), Figure([s for _, s in found])
            print(f"{name}: submitted to claimed {claimed} s; to stored {stored} s")
        lengths, released = _told(yard.ledger, bulk, wanted.unit_s)
        print(f"a bulk task lasts {lengths} s where nothing disturbs it; given back on the way: {released}")
        yard.ledger.cancel(bulk)
    beat_s = float(str(ORDINARY["beat_s"]))
    made_way = Figure([claimed for claimed, _ in waits["others make way"]])
    return 0 if made_way.median <= beat_s + wanted.unit_s + 1.0 else 1


@contextlib.contextmanager
def _farm(wanted: argparse.Namespace) -> Iterator[Yard]:
    with contextlib.ExitStack() as stack:
        url = ""
        if wanted.postgres:
            url = stack.enter_context(stack.enter_context(running_postgres()).database())
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="farm-bench-"))
        redis = stack.enter_context(running_redis())
        told = {**ORDINARY, "task_target_s": wanted.task_s}
        yard = stack.enter_context(open_yard(Path(folder) / "farm", redis=redis, ledger_url=url, app=TOY, told=told))
        for name in WORKERS:
            yard.start_worker(name)
        yard.wait_until_ready(*WORKERS)
        yield yard


def _bulk(yard: Yard, wanted: argparse.Namespace) -> int:
    """A bulk job that both workers are busy with, in tasks of ordinary length."""
    spec = {"kind": "render", "unit_s": wanted.unit_s}
    job, _ = yard.ledger.submit(spec, kind="render", ranges=[(0, BULK_UNITS)])
    ordinary = 0.7 * wanted.task_s / wanted.unit_s

    def busy() -> bool:
        running = yard.ledger.tasks_of(job.id, states=["running"])
        return len(running) == len(WORKERS) and all(task.hi - task.lo > ordinary for task in running)

    wait_for("two ordinary tasks", busy, timeout_s=20 * wanted.task_s)
    return job.id


def _urgent(yard: Yard, priority: int, unit_s: float, draw: random.Random) -> tuple[float, float]:
    """Seconds from one urgent job's submission to its claim, and to the portrait's row."""
    time.sleep(draw.uniform(2.0, 6.0))
    spec = {"kind": "render", "unit_s": unit_s}
    with yard.opened() as service:
        job, _ = yard.ledger.submit(spec, kind="render", ranges=[(0, 1)], priority=priority)
        service.dispatcher.nudge()
    wait_for("the urgent job", lambda: yard.ledger.get_job(job.id).state is JobState.DONE, timeout_s=600)
    ended = yard.ledger.get_job(job.id)
    (task,) = [task for task in yard.ledger.tasks_of(job.id) if task.kind == "render"]
    return (ended.started_at or 0.0) - ended.created_at, (task.progress_at or 0.0) - ended.created_at


def _told(ledger: Ledger, job_id: int, unit_s: float) -> tuple[Figure, int]:
    """How long tasks of the bulk job are that were never cut short, by their units; how often one was given back."""
    tasks = ledger.tasks_of(job_id, states=["done", "pending"])
    whole = [(task.hi - task.lo) * unit_s for task in tasks if task.attempt == 1 and task.state == "done"]
    ordinary = sorted(whole)[len(whole) // 2 :]
    return Figure(ordinary or [0.0]), sum(max(0, task.attempt - 1) for task in tasks if task.state == "done")


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="the wait of an urgent portrait on a busy farm")
    parser.add_argument("--jobs", type=int, default=20)
    parser.add_argument("--task-s", type=float, default=30.0)
    parser.add_argument("--unit-s", type=float, default=0.5)
    parser.add_argument("--postgres", action="store_true")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
