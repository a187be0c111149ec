"""What stragglers and poison cost: seconds beyond an undisturbed run, and attempts, on two workers that sleep.

`python -m tests.benchmarks.stragglers [--units 200]`: a job of units of 0.1 s each; undisturbed, with one worker ten
times as slow, with one stopped half-way, and with one seed that raises, kills its process, or hangs. Ordinary limits
but for short leases (beat 0.5 s, lease 6 s, stall 5 s): the seconds lost are these, not the farm's defaults.
"""

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from farm.ledger import JobState
from tests.chaos.yard import TOY, Yard, open_yard, wait_for
from tests.services.redis import running_redis

UNIT_S = 0.1
QUICK = {"beat_s": 0.5, "lease_s": 6.0, "tick_s": 0.5, "task_target_s": 4.0, "stall_s": 5.0}
NAMES = ("left", "right")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line a case; the exit status."""
    parser = argparse.ArgumentParser(description="stragglers and poison")
    parser.add_argument("--units", type=int, default=200)
    wanted = parser.parse_args(arguments)
    with (
        tempfile.TemporaryDirectory(prefix="farm-bench-") as folder,
        running_redis() as redis,
        open_yard(Path(folder) / "farm", redis=redis, app=TOY, told=QUICK) as yard,
    ):
        for name in NAMES:
            yard.start_worker(name)
        yard.wait_until_ready(*NAMES)
        _run(yard, wanted.units)  # the rate is known
        plain_s, _ = _run(yard, wanted.units)
        print(f"undisturbed: {plain_s:.1f} s; without any loss: {wanted.units * UNIT_S / 2:.1f} s", flush=True)
        cases: list[tuple[str, dict[str, object], Callable[[int], None] | None]] = [
            ("one worker ten times as slow as it was", {"slow": "left"}, None),
            ("one worker stopped (SIGSTOP) in its task", {}, lambda job_id: _stop(yard, job_id)),
            ("a seed that raises", {"fail": [31]}, None),
            ("a seed that kills its process", {"crash": [31]}, None),
            ("a seed that hangs", {"hang": [31]}, None),
        ]
        for told, spec, disturb in cases:
            yard.wait_until_ready(*NAMES)
            took_s, failures = _run(yard, wanted.units, disturb, **spec)
            attempts = f", quarantined after {failures[0]} attempts" if failures else ""
            print(f"{told}: {took_s - plain_s:+.1f} s{attempts}", flush=True)
            _both_back(yard)
    return 0


def _run(
    yard: Yard, units: int, disturb: Callable[[int], None] | None = None, **spec: object
) -> tuple[float, list[int]]:
    """Seconds from the first claim to the last portrait by the record, and attempts of what failed."""
    told = {"kind": "render", "size_px": 64, "cascade": "b" * 64, "unit_s": UNIT_S, **spec}
    job_id = yard.ledger.submit(told, kind="render", ranges=[(0, units)])[0].id
    with yard.opened() as service:
        service.dispatcher.nudge()
    if disturb is not None:
        disturb(job_id)
    [job] = yard.wait_until_ended(job_id, timeout_s=400)
    if job.state is not JobState.DONE or job.started_at is None:
        raise RuntimeError(yard.report(job_id))
    with contextlib.suppress(psutil.Error, LookupError):
        yard.workers["left"].child().resume()
    ended = max(task.progress_at or 0.0 for task in yard.record(job_id) if task.kind == "render")
    return ended - job.started_at, [failure.attempts for failure in yard.ledger.failures_of(job_id)]


def _stop(yard: Yard, job_id: int) -> None:
    def holds() -> bool:
        return any(task.worker == "left" and task.state == "running" for task in yard.record(job_id))

    wait_for("left to be at work", holds)
    time.sleep(1)
    yard.workers["left"].child().suspend()


def _both_back(yard: Yard) -> None:
    def shared() -> bool:
        _, workers = _run(yard, 40), {task.worker for task in yard.record(yard.ledger.list_jobs(limit=1)[0].id)}
        return set(NAMES) <= workers

    wait_for("both workers", shared, timeout_s=200)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
