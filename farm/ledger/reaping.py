"""The reaper: tasks whose lease ran out go back, and a job nobody closed is closed."""

from typing import Any

from sqlalchemy import Row, or_, select

from farm.ledger.closing import close_if_settled
from farm.ledger.connection import Tx
from farm.ledger.failing import lose
from farm.ledger.holding import has_open_tasks, has_uncut, hold
from farm.ledger.reading import task_of
from farm.ledger.rows import Task
from farm.ledger.schema import job, task
from farm.ledger.states import JobState, TaskState

AT_ONCE = 200
"""Tasks a reaping looks at; what is left waits for the next tick."""


def expired(tx: Tx) -> list[Row[Any]]:
    """(id, attempt) of running tasks whose lease ran out, longest ago first."""
    query = (
        select(task.c.id, task.c.attempt)
        .where(task.c.state == TaskState.RUNNING.value, task.c.lease_until <= tx.now)
        .order_by(task.c.lease_until)
        .limit(AT_ONCE)
    )
    return list(tx.run(query))


def reap_one(tx: Tx, task_id: int, attempt: int) -> Task | None:
    """The task as it stands after its loss; None where its owner beat in time after all."""
    held = hold(tx, task_id, attempt)
    if held is None or not tx.run(select(held.task.lease_until <= tx.now)).scalar_one():
        return None
    lose(tx, held)
    return task_of(tx.run(select(task).where(task.c.id == task_id)).one())


def unclosed(tx: Tx) -> list[int]:
    """Jobs with nothing open and nothing uncut that are not closed. A finish closes its job: none is expected."""
    states = (JobState.QUEUED.value, JobState.RUNNING.value, JobState.PAUSED.value)
    query = select(job.c.id).where(job.c.state.in_(states), ~or_(has_open_tasks(job.c.id), has_uncut(job.c.id)))
    return list(tx.run(query.limit(AT_ONCE)).scalars())


def close_one(tx: Tx, job_id: int) -> JobState:
    row = tx.run(select(job.c.kind, job.c.state).where(job.c.id == job_id).with_for_update()).one()
    return close_if_settled(tx, job_id, kind=row.kind, state=JobState(row.state))
