"""A training is ended early: it is done with what it has, and what it was yet to see belongs to it no more."""

from typing import Any

from sqlalchemy import delete, select, update

from farm.errors import Conflict, NotFound
from farm.ledger.closing import close_if_settled
from farm.ledger.connection import Tx
from farm.ledger.schema import job, job_range, task, task_log
from farm.ledger.states import TERMINAL_JOB_STATES, JobState, TaskState
from farm.specs.kinds import SEQUENTIAL_KINDS


def end_early(tx: Tx, job_id: int) -> bool:
    """The job is done at the end of its last slice. False where it was done before.

    Raises NotFound, or Conflict where it is no training, has ended otherwise, has no checkpoint, or a worker is at it.
    """
    row = tx.run(select(job).where(job.c.id == job_id).with_for_update()).one_or_none()
    if row is None:
        raise NotFound(f"there is no job {job_id}")
    if row.state == JobState.DONE:
        return False
    _check(row)
    tasks = tx.run(select(task).where(task.c.job_id == job_id).order_by(task.c.lo)).all()
    if any(each.state == TaskState.RUNNING for each in tasks):
        raise Conflict(f"a worker is at a slice of job {job_id}; pause the job and wait for the slice's checkpoint")
    if row.done == 0:
        told = f"job {job_id} has no checkpoint yet, and nothing to be done with"
        raise Conflict(f"{told}; `farm cancel {job_id}` ends it")
    for each in tasks:
        if each.state == TaskState.PENDING:
            _drop(tx, each, tasks)
    # One range: a training counts its images from the first to the last.
    lo = tx.run(select(job_range.c.lo).where(job_range.c.job_id == job_id)).scalar_one()
    end = lo + row.done
    tx.run(update(job_range).where(job_range.c.job_id == job_id).values(next=end, hi=end))
    tx.run(update(job).where(job.c.id == job_id).values(total=row.done))
    close_if_settled(tx, job_id, kind=row.kind, state=JobState(row.state))
    return True


def _check(row: Any) -> None:
    if row.kind not in SEQUENTIAL_KINDS:
        raise Conflict(f"job {row.id} is a {row.kind} job; only a training can be ended early")
    if row.state in TERMINAL_JOB_STATES:
        raise Conflict(f"job {row.id} is {row.state}: there is nothing to end; its last checkpoint can be used")


def _drop(tx: Tx, waiting: Any, tasks: Any) -> None:
    """A task that waits goes. What it said stays with the slice it left, which has said nothing under its own name."""
    left = next((each for each in tasks if each.hi == waiting.lo), None)
    if left is not None:
        said = tx.run(select(task_log.c.id).where(task_log.c.task_id == left.id).limit(1)).first()
        if said is None:
            tx.run(update(task_log).where(task_log.c.task_id == waiting.id).values(task_id=left.id))
    tx.run(delete(task).where(task.c.id == waiting.id))
