"""The last one out closes the job. The caller holds the job's lock: of two last finishers the second sees the first."""

from sqlalchemy import select

from farm.ledger.connection import Tx
from farm.ledger.cutting import insert_finalise
from farm.ledger.holding import Held, has_open_tasks, has_uncut
from farm.ledger.moves import move_job
from farm.ledger.states import TERMINAL_JOB_STATES, JobState
from farm.specs.kinds import FINALISED_KINDS


def close_if_settled(tx: Tx, job_id: int, *, kind: str, state: JobState) -> JobState:
    """Moves a job on that has no open task and nothing uncut; returns the state it is in afterwards."""
    if state in TERMINAL_JOB_STATES:
        return state
    left = tx.run(select(has_open_tasks(job_id).label("open"), has_uncut(job_id).label("uncut"))).one()
    if left.open:
        return state
    if state is JobState.FINISHING:
        return _finished(tx, job_id, reopen=left.uncut)
    return state if left.uncut else _settled(tx, job_id, kind, state)


def close_after(tx: Tx, held: Held) -> JobState:
    """The same after a task ended; the counters spare most tasks the question."""
    if held.job_state is not JobState.FINISHING and held.settled < held.total:
        return held.job_state
    return close_if_settled(tx, held.job_id, kind=held.job_kind, state=held.job_state)


def _settled(tx: Tx, job_id: int, kind: str, state: JobState) -> JobState:
    if state is JobState.QUEUED:
        # Nothing was claimed since a retry: only the finishing was missing.
        move_job(tx, job_id, JobState.RUNNING)
    move_job(tx, job_id, JobState.FINISHING)
    if kind not in FINALISED_KINDS:
        return _finished(tx, job_id, reopen=False)
    insert_finalise(tx, job_id)
    return JobState.FINISHING


def _finished(tx: Tx, job_id: int, *, reopen: bool) -> JobState:
    """Done; and open again at once where ranges were added while it was finishing."""
    move_job(tx, job_id, JobState.DONE, ended_at=tx.now)
    if not reopen:
        return JobState.DONE
    move_job(tx, job_id, JobState.QUEUED, ended_at=None)
    return JobState.QUEUED
