"""A job goes: at once for everybody, its rows in batches. What it made and has a name of its own stays."""

from sqlalchemy import delete, func, or_, select

from farm.errors import Conflict, NotFound
from farm.ledger.connection import Tx
from farm.ledger.moves import move_job
from farm.ledger.schema import failure, job, job_portrait, job_range, result_part, task
from farm.ledger.states import TERMINAL_JOB_STATES, JobState, TaskState

BATCH = 1000
"""Rows of one table that one transaction removes."""


def delete_job(tx: Tx, job_id: int) -> bool:
    """From now on it covers nothing and is in no list; False where it was deleted before.

    Its row stays, so that its number keeps its meaning and datasets and runs know where they came from.
    Raises NotFound, and Conflict where it has not ended or tasks of it still run.
    """
    row = tx.run(select(job.c.state).where(job.c.id == job_id).with_for_update()).one_or_none()
    if row is None:
        raise NotFound(f"there is no job {job_id}")
    if row.state == JobState.DELETED:
        return False
    if row.state not in TERMINAL_JOB_STATES:
        raise Conflict(f"job {job_id} is {row.state}; `farm cancel {job_id}` ends it, then it can be deleted")
    running = select(func.count()).where(task.c.job_id == job_id, task.c.state == TaskState.RUNNING.value)
    left = tx.run(running).scalar_one()
    if left:
        raise Conflict(f"job {job_id} is {row.state}, but {left} of its tasks still end; try again in a few seconds")
    return move_job(tx, job_id, JobState.DELETED)


def purge(tx: Tx, job_id: int) -> int:
    """Removes the next rows of a deleted job; 0 when there are none left. Logs go with their tasks."""
    still = select(job.c.id).where(job.c.id == job_id, job.c.state == JobState.DELETED.value).scalar_subquery()
    some_tasks = select(task.c.id).where(task.c.job_id == still).limit(BATCH)
    some_units = select(failure.c.unit).where(failure.c.job_id == still).limit(BATCH)
    some_ranges = select(job_range.c.lo).where(job_range.c.job_id == still).limit(BATCH)
    removed = tx.run(delete(task).where(task.c.id.in_(some_tasks))).rowcount
    removed += tx.run(delete(failure).where(failure.c.job_id == still, failure.c.unit.in_(some_units))).rowcount
    some_recipes = select(job_portrait.c.recipe).where(job_portrait.c.job_id == still).limit(BATCH)
    covered = (job_portrait.c.job_id == still, job_portrait.c.recipe.in_(some_recipes))
    removed += tx.run(delete(job_portrait).where(*covered)).rowcount
    some_parts = select(result_part.c.part).where(result_part.c.job_id == still).limit(BATCH)
    listed = (result_part.c.job_id == still, result_part.c.part.in_(some_parts))
    removed += tx.run(delete(result_part).where(*listed)).rowcount
    return (
        removed + tx.run(delete(job_range).where(job_range.c.job_id == still, job_range.c.lo.in_(some_ranges))).rowcount
    )


def half_deleted(tx: Tx) -> list[int]:
    """Deleted jobs that still have rows: whoever deleted them was ended on the way."""
    tables = (task, failure, job_range, job_portrait, result_part)
    left = [select(table.c.job_id).where(table.c.job_id == job.c.id).exists() for table in tables]
    return list(tx.run(select(job.c.id).where(job.c.state == JobState.DELETED.value, or_(*left))).scalars())
