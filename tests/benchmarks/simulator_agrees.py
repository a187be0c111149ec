"""A real small farm and the simulator of it, side by side.

Two worker processes of unlike rate, a real Redis, an SQLite ledger; toy units that only take time. The simulator gets
the rates that the workers measured, and the delays of docs/scaling.md. `python -m tests.benchmarks.simulator_agrees`
exits 1 where a figure differs by more than a tenth.
"""

import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from farm.ledger import JobState
from tests.chaos.yard import TOY, Yard, open_yard, wait_for
from tests.services.redis import running_redis
from tests.simulator.farm import simulated
from tests.simulator.plan import FarmPlan, JobPlan, Timing
from tests.simulator.report import report

RATES = {"slow": 1.0, "quick": 3.0}
TARGET_S, BEAT_S, TICK_S, LEASE_S = 5.0, 1.0, 1.0, 8.0
JOBS = (JobPlan(key="a", units=2400, unit_s=0.08),)
CHILD_VERBS = ("claim", "beat", "finish", "release", "demand (read)")
"""What a worker's child asks of the ledger; its parent's ticks are of another process."""
ALLOWED = 0.10


@dataclass(frozen=True)
class Figures:
    """makespan_s: from the first submission to the last settled unit. statements: of a child, a task."""

    makespan_s: float
    tasks: int
    statements: float
    rates: Mapping[str, float]


def main() -> int:
    """Print both; the exit status."""
    real = _real()
    told = _simulated(real.rates)
    print(f"{'':24}{'real':>10}{'simulated':>12}{'difference':>12}")
    worst = 0.0
    for name in ("makespan_s", "tasks", "statements"):
        there, here = float(getattr(real, name)), float(getattr(told, name))
        worst = max(worst, abs(here / there - 1))
        print(f"{name:24}{there:10.2f}{here:12.2f}{here / there - 1:+12.1%}")
    print("measured units/s:", ", ".join(f"{name} {rate:.2f}" for name, rate in real.rates.items()))
    return 0 if worst <= ALLOWED else 1


def _real() -> Figures:
    told = {"beat_s": BEAT_S, "tick_s": TICK_S, "lease_s": LEASE_S, "task_target_s": TARGET_S}
    with (
        tempfile.TemporaryDirectory(prefix="farm-bench-") as folder,
        running_redis() as redis,
        open_yard(Path(folder) / "farm", redis=redis, app=TOY, told=told) as yard,
    ):
        for name, rate in RATES.items():
            yard.start_worker(name, environment={"TOY_RATE": str(rate)})
        yard.wait_until_ready(*RATES)
        ids = _submit(yard)
        wait_for("the jobs", lambda: _all_done(yard, ids), timeout_s=300)
        return _figures(yard, ids)


def _submit(yard: Yard) -> list[int]:
    began_s, ids = time.monotonic(), []
    for index, job in enumerate(JOBS):
        time.sleep(max(0.0, began_s + job.at_s - time.monotonic()))
        spec = {"kind": "render", "unit_s": job.unit_s, "unstored": True, "size_px": 64, "cascade": f"{index:064x}"}
        ids.append(yard.ledger.submit(spec, kind="render", ranges=[(0, job.units)])[0].id)
    return ids


def _all_done(yard: Yard, ids: list[int]) -> bool:
    return all(yard.ledger.get_job(job_id).state is JobState.DONE for job_id in ids)


def _figures(yard: Yard, ids: list[int]) -> Figures:
    tasks = [task for job_id in ids for task in yard.record(job_id) if task.kind == "render"]
    ended_s = max(task.progress_at or 0.0 for task in tasks)
    began_s = min(yard.ledger.get_job(job_id).created_at for job_id in ids)
    found = {info.key.split("/")[2]: [] for info in yard.storage.list("toy/statements/")}  # type: ignore[var-annotated]
    for info in yard.storage.list("toy/statements/"):
        found[info.key.split("/")[2]].append(int(yard.storage.get(info.key)))
    spent = sum(max(counts) - min(counts) for counts in found.values())
    between = sum(len(counts) - 1 for counts in found.values())
    rates = {
        worker.name: next(rate for key, rate in worker.rates.items() if key.startswith("render@"))
        for worker in yard.ledger.workers()
    }
    return Figures(ended_s - began_s, len(tasks), spent / between, rates)


def _simulated(rates: Mapping[str, float]) -> Figures:
    unit_s = JOBS[0].unit_s
    plan = FarmPlan(
        rates=[rates[name] * unit_s for name in RATES],
        jobs=JOBS,
        stagger_s=0.0,
        timing=Timing(beat_s=BEAT_S, tick_s=TICK_S, lease_s=LEASE_S, target_s=TARGET_S, backstage_s=0.05),
    )
    found = report(simulated(plan))
    statements = sum(
        verb["transactions"] * verb["statements_each"] for name, verb in found.verbs.items() if name in CHILD_VERBS
    )
    ticks = found.verbs["expired (read)"]["transactions"] * found.verbs["demand (read)"]["statements_each"]
    submits = len(JOBS) * found.verbs["demand (read)"]["statements_each"]
    attempts = sum(found.endings.values())
    return Figures(found.makespan_s, found.tasks, (statements - ticks - submits) / attempts, {})


if __name__ == "__main__":
    sys.exit(main())
