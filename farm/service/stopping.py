"""A run ended early: paused, so that a slice that is training leaves its checkpoint, and then done with that."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from farm.errors import Conflict
from farm.ledger import Ledger
from farm.ledger.states import JobState
from farm.specs.kinds import SEQUENTIAL_KINDS

WAIT_S = 300.0
"""For the checkpoint of a slice that is training."""
POLL_S = 0.5


@dataclass(frozen=True, kw_only=True)
class Ending:
    """ended: False while a slice writes its checkpoint; ask again. changed: it ended by this call."""

    ended: bool
    changed: bool


def pause_or_end(job_id: int, *, ledger: Ledger) -> Ending:
    """One step towards a training's early end, without waiting: it is paused, and ended once no slice trains.

    Raises NotFound; Conflict where it is no training, ended otherwise or has no checkpoint.
    """
    job = ledger.get_job(job_id)
    if job.kind in SEQUENTIAL_KINDS:  # any other is refused below, and not paused before
        if job.state in (JobState.QUEUED, JobState.RUNNING):
            ledger.pause(job_id)
        if ledger.tasks_of(job_id, states=["running"]):
            return Ending(ended=False, changed=False)
    return Ending(ended=True, changed=ledger.end_early(job_id))


def insist_on_end(
    step: Callable[[], Ending], *, job_id: int, wait_s: float = WAIT_S, on_wait: Callable[[], None] = lambda: None
) -> bool:
    """`step` until the training has ended; whether that changed anything. `on_wait` is called while a slice ends.

    Raises what `step` does; Conflict where the slice does not end within `wait_s`: the job is paused then, and stays so
    until it is stopped or resumed.
    """
    deadline_s = time.monotonic() + wait_s
    while not (ending := step()).ended:
        if time.monotonic() > deadline_s:
            told = f"the slice of job {job_id} that is training has not ended after {wait_s:g} s"
            raise Conflict(f"{told}; the job is paused: stop it again later, or `farm resume {job_id}`")
        on_wait()
        time.sleep(POLL_S)
    return ending.changed
