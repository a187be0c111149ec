"""How long a farm over three hosts needs after a cut: a worker's host, Redis, S3, each silent for some time.

`python -m tests.benchmarks.cuts [--silent 45] [--only host,redis,s3]`, as root on Linux: three network namespaces,
ordinary settings (lease 30 s), the demo cascade at 256 px. Frames just go nowhere while a cut lasts. Told are the
seconds until the farm went on without what was cut off, and the seconds from the end of the cut until that worked
again, by itself. After each, every portrait is looked up and hashed. Exits 1 when one is missing or wrong.
"""

import argparse
import contextlib
import hashlib
import itertools
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from farm.ledger import JobState, Task
from farm.planning import recipe_for, sizes_px
from farm.specs import RenderSpec
from farm.specs.seeds import parse_seeds
from tests.benchmarks.grounds import ORDINARY, demo_objects
from tests.chaos.yard import wait_for
from tests.hosts.farm import WORKERS, ThreeHosts, open_three_hosts
from tests.services.process import ServiceMissing

SIZE_PX = 256
TASKS_S = 10.0
LONG_S = 600.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line for every cut; the exit status."""
    parser = argparse.ArgumentParser(description="cuts on a farm over three hosts")
    parser.add_argument("--silent", type=float, default=45.0, help="seconds that a cut lasts")
    parser.add_argument("--only", default=",".join(CUTS), help="the cuts to make: a worker's host, Redis from both, S3")
    parser.add_argument("--each", type=int, default=6000, help="portraits of a job")
    wanted = parser.parse_args(arguments)
    try:
        with (
            tempfile.TemporaryDirectory(prefix="farm-bench-") as folder,
            open_three_hosts(Path(folder) / "farm", told={**ORDINARY, "task_target_s": TASKS_S}) as farm,
        ):
            for name in WORKERS:
                farm.start_worker(name)
            farm.wait_until_ready(*WORKERS)
            farm.import_cascade(demo_objects()[1])
            starts = itertools.count(0, wanted.each)
            rights = [_one(farm, name, starts, wanted) for name in wanted.only.split(",")]
            return 0 if all(rights) else 1
    except ServiceMissing as error:
        print(f"no three hosts: {error}")
        return 0


def _one(farm: ThreeHosts, name: str, starts: Iterator[int], wanted: argparse.Namespace) -> bool:
    """One job with one cut in its middle; True when every portrait is there and right."""
    lo = next(starts)
    spec = {"kind": "render", "cascade": "tiny", "seeds": f"{lo}..{lo + wanted.each - 1}", "size_px": SIZE_PX}
    job_id = farm.submit(spec)
    wait_for("both workers at work", lambda: set(WORKERS) <= {t.worker for t in _running(farm, job_id)})
    wait_for("portraits", lambda: farm.ledger.get_job(job_id).done > 0)
    told = CUTS[name](farm, job_id, wanted.silent)
    [job] = farm.wait_until_ended(job_id, timeout_s=3600)
    losses = sum(task.losses for task in farm.record(job_id))
    right = job.state is JobState.DONE and job.done == wanted.each and _right(farm, job_id)
    print(f"{name}: {told}; losses {losses}; {'every portrait there' if right else 'WRONG'}", flush=True)
    return right


def _running(farm: ThreeHosts, job_id: int) -> list[Task]:
    return [task for task in farm.record(job_id) if task.state == "running"]


def _right(farm: ThreeHosts, job_id: int) -> bool:
    """Every portrait of the job is in storage, and has its row's bytes."""
    job = farm.ledger.get_job(job_id)
    spec, seeds = RenderSpec.model_validate(dict(job.spec)), parse_seeds(str(job.spec["seeds"]))
    sizes = sizes_px(farm.ledger.cascade(spec.cascade).config)
    digests = [recipe_for(spec, seed, sizes=sizes).digest for part in seeds for seed in range(part.lo, part.hi)]
    rows = farm.ledger.portraits_by_recipe(digests)
    return len(rows) == len(digests) and all(
        hashlib.sha256(farm.storage.get(row.key)).hexdigest() == row.sha256 for row in rows.values()
    )


def _host(farm: ThreeHosts, job_id: int, silent_s: float) -> str:
    """Cut off mid-task: until its task is claimed again, and until it claims again itself."""
    victim = next(task for task in _running(farm, job_id) if task.worker == "north")
    with farm.hosts["north"].unplugged():
        began_s = time.monotonic()
        taken_s = _seconds_until(lambda: _attempt(farm, victim) > victim.attempt)
        time.sleep(max(0.0, began_s + silent_s - time.monotonic()))
    back_s = _seconds_until(lambda: "north" in {task.worker for task in _running(farm, job_id)})
    return f"its task claimed by the other after {taken_s:.1f} s; it worked again {back_s:.1f} s after the cut"


def _redis(farm: ThreeHosts, job_id: int, silent_s: float) -> str:
    """No ticket comes: what runs ends, nothing begins."""
    with contextlib.ExitStack() as cut:
        for host in farm.hosts.values():
            cut.enter_context(host.without(farm.services.addresses["redis"]))
        time.sleep(silent_s)
        idle = not _running(farm, job_id)
    back_s = _seconds_until(lambda: {task.worker for task in _running(farm, job_id)} == set(WORKERS))
    return f"both workers {'idle' if idle else 'STILL BUSY'} by then; both worked again {back_s:.1f} s after the cut"


def _s3(farm: ThreeHosts, job_id: int, silent_s: float) -> str:
    """One worker can store nothing; the other one goes on."""
    with farm.hosts["north"].without(farm.services.addresses["s3"]):
        time.sleep(silent_s)
        before = _settled(farm, job_id, "north")
    back_s = _seconds_until(lambda: _settled(farm, job_id, "north") > before)
    return f"it stored again {back_s:.1f} s after the cut"


def _attempt(farm: ThreeHosts, victim: Task) -> int:
    return next(task.attempt for task in farm.record(victim.job_id) if task.id == victim.id)


def _settled(farm: ThreeHosts, job_id: int, worker: str) -> int:
    return sum(task.cursor - task.lo for task in farm.record(job_id) if task.worker == worker)


def _seconds_until(happened: Callable[[], bool]) -> float:
    began_s = time.monotonic()
    wait_for("the farm to go on", happened, timeout_s=LONG_S)
    return time.monotonic() - began_s


CUTS: dict[str, Callable[[ThreeHosts, int, float], str]] = {
    "host": _host,
    "redis": _redis,
    "s3": _s3,
}

if __name__ == "__main__":
    sys.exit(main())
