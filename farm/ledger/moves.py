"""States change here and nowhere else: one function per table moves a row and says whether this caller did it."""

from typing import Any

from sqlalchemy import update

from farm.ledger.connection import Tx
from farm.ledger.schema import job, task
from farm.ledger.states import JOB_MOVES, TASK_MOVES, JobState, TaskState


def move_job(tx: Tx, job_id: int, to: JobState, **values: Any) -> bool:
    """Moves a job by the table of legal moves; False where its state forbids it or another caller was faster."""
    sources = [state.value for state, targets in JOB_MOVES.items() if to in targets]
    statement = update(job).where(job.c.id == job_id, job.c.state.in_(sources)).values(state=to.value, **values)
    return tx.run(statement).rowcount == 1


def move_task(tx: Tx, task_id: int, attempt: int, to: TaskState, /, **values: Any) -> bool:
    """Moves a task that still is in this attempt; leaving `running` clears its lease.

    The values may hold a new attempt. False: the fence held, nothing changed.
    """
    sources = [state.value for state, targets in TASK_MOVES.items() if to in targets]
    begun = {"claimed_at": tx.now} if to is TaskState.RUNNING else {"lease_until": None}
    values = {**begun, **values}
    statement = (
        update(task)
        .where(task.c.id == task_id, task.c.attempt == attempt, task.c.state.in_(sources))
        .values(state=to.value, **values)
    )
    return tx.run(statement).rowcount == 1
