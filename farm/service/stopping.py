"""A run ended early: paused, so that a slice that is training leaves its checkpoint, and then done with that."""

import time
from collections.abc import Callable

from farm.errors import Conflict
from farm.ledger import Ledger
from farm.ledger.rows import Run
from farm.ledger.states import JobState

WAIT_S = 300.0
"""For the checkpoint of a slice that is training."""
POLL_S = 0.5


def stop_run(
    name: str, *, ledger: Ledger, wait_s: float = WAIT_S, on_wait: Callable[[], None] = lambda: None
) -> tuple[Run, bool]:
    """The run as it ended, and whether this call ended it. `on_wait` is called while a slice ends.

    Raises NotFound; Conflict where it ended otherwise, has no checkpoint, or its slice does not end within `wait_s`:
    the run is paused then, and stays so until it is stopped or resumed.
    """
    job_id = ledger.run(name).job_id
    if ledger.get_job(job_id).state in (JobState.QUEUED, JobState.RUNNING):
        ledger.pause(job_id)
    deadline_s = time.monotonic() + wait_s
    while ledger.tasks_of(job_id, states=["running"]):
        if time.monotonic() > deadline_s:
            told = f"the slice of {name} that is training has not ended after {wait_s:g} s"
            raise Conflict(f"{told}; the run is paused: stop it again later, or `farm resume {job_id}`")
        on_wait()
        time.sleep(POLL_S)
    changed = ledger.end_early(job_id)
    return ledger.run(name), changed
