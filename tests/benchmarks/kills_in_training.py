"""Kills of a training slice: between steps and inside checkpoint writing. The weights must be those of a calm run.

Each run has two slices. The kill falls into the second, so that it goes on from a checkpoint and must come out as if
nothing had happened. `python -m tests.benchmarks.kills_in_training` prints a line for each kill.
"""

import sys
import time
from pathlib import Path

import psutil

from farm.ledger import JobState
from tests.benchmarks.grounds import benchmark_yard
from tests.chaos.training import add_photos, process_of, submit_run, weights_of
from tests.chaos.yard import Yard, members, wait_for
from tests.services.process import lives

IN_WRITING = ("begin", "weights.safetensors", "optimizer.safetensors", "state.json", "renamed")
"""Points of workers/training/checkpoint.py, each passed once a slice."""
AT_SHARES = (20, 50, 80)
SLICE_NIMG = 400
TOTAL_NIMG = 2 * SLICE_NIMG
GONE_S = 10.0


def training_survives() -> bool:
    """Run them all; True when every run ended with the calm run's weights and left nothing behind."""
    with benchmark_yard(threads=1, beat_s=0.5, lease_s=5.0, tick_s=0.5) as yard:
        yard.start_worker("easel")
        yard.wait_until_ready("easel")
        add_photos(yard)
        submit_run(yard, "calm", total_nimg=TOTAL_NIMG, slice_nimg=SLICE_NIMG)
        _wait(yard, "calm")
        found = [_killed_at(yard, share) for share in AT_SHARES] + [_killed_in(yard, point) for point in IN_WRITING]
        return all(found)


def _wait(yard: Yard, run: str) -> None:
    [job] = yard.wait_until_ended(yard.ledger.run(run).job_id, timeout_s=1800)
    if job.state is not JobState.DONE:
        raise RuntimeError(yard.report(job.id))


def _killed_at(yard: Yard, share: int) -> bool:
    """SIGKILL to the training process when its second slice has shown `share` per cent of its images."""
    run = f"at-{share}"
    job_id = submit_run(yard, run, total_nimg=TOTAL_NIMG, slice_nimg=SLICE_NIMG)
    wait_for("the first slice", lambda: yard.ledger.run(run).nimg >= SLICE_NIMG, timeout_s=600)
    at = SLICE_NIMG * share // 100
    wait_for(f"{share} %", lambda: any((t.units_done or 0) >= at for t in _running(yard, job_id)), timeout_s=600)
    process = process_of(yard)
    process.kill()
    return _judge(yard, run, f"killed at {share} % of a slice", process)


def _killed_in(yard: Yard, point: str) -> bool:
    """The training process kills itself at a point of its second checkpoint's writing, once."""
    run = f"in-{point}".replace(".", "-")
    job_id = submit_run(yard, run, total_nimg=TOTAL_NIMG, slice_nimg=SLICE_NIMG)
    wait_for("the first slice", lambda: yard.ledger.run(run).nimg >= SLICE_NIMG, timeout_s=600)
    yard.workers["easel"].stop()
    yard.start_worker("easel", environment={"FARM_FAILPOINT": point})
    wait_for("the failure", lambda: any(task.failures for task in yard.record(job_id)), timeout_s=600)
    # The same worker would die there again: another one goes on.
    yard.workers["easel"].kill_parent()
    session = yard.workers["easel"].process.pid
    wait_for("its session to end", lambda: not members(session), timeout_s=GONE_S)
    yard.start_worker("easel")
    return _judge(yard, run, f"killed in checkpoint writing, at {point!r}", None)


def _running(yard: Yard, job_id: int):  # type: ignore[no-untyped-def]
    return [task for task in yard.record(job_id) if task.state == "running"]


def _judge(yard: Yard, run: str, what: str, process: psutil.Process | None) -> bool:
    began_s = time.monotonic()
    job_id = yard.ledger.run(run).job_id
    if process is not None:
        wait_for("the training process to end", lambda: not lives(process), timeout_s=GONE_S)
    _wait(yard, run)
    traces = sum(task.failures + task.losses for task in yard.record(job_id))
    same = weights_of(yard, run, TOTAL_NIMG) == weights_of(yard, "calm", TOTAL_NIMG)
    print(
        f"{what}: {'same weights' if same else 'OTHER WEIGHTS'}; failures and losses in the record: {traces}; "
        f"done {time.monotonic() - began_s:.0f} s later"
    )
    return same and traces > 0


if __name__ == "__main__":
    print(f"slices of {SLICE_NIMG} images; {Path(__file__).name}")
    sys.exit(0 if training_survives() else 1)
