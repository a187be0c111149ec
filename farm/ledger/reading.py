"""Rows as values, and the questions about jobs and tasks."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, select

from farm.errors import NotFound
from farm.ledger.connection import Tx
from farm.ledger.pace import pace_of
from farm.ledger.rows import Failure, Job, Task
from farm.ledger.schema import api_key, failure, job, job_range, task
from farm.ledger.states import JobState, TaskState
from farm.specs.seeds import SeedRange

_JOB_FIELDS = (
    "id", "kind", "spec", "priority", "total", "done", "failed", "key_id",
    "created_at", "started_at", "ended_at", "error", "owner", "device_s", "budget_s",
)  # fmt: skip
_TASK_FIELDS = (
    "id", "job_id", "kind", "lo", "hi", "cursor", "attempt", "failures", "losses", "worker",
    "lease_until", "progress_at", "units_done", "output", "error",
)  # fmt: skip


def job_of(row: Row[Any]) -> Job:
    values = row._mapping
    pace_at, pace_units = pace_of(row)
    fields = {name: values[name] for name in _JOB_FIELDS}
    return Job(state=JobState(values["state"]), pace_at=pace_at, pace_units=pace_units, **fields)


def task_of(row: Row[Any]) -> Task:
    values = row._mapping
    return Task(state=TaskState(values["state"]), **{name: values[name] for name in _TASK_FIELDS})


def get_job(tx: Tx, job_id: int) -> Job:
    """Raises NotFound."""
    row = tx.run(select(job).where(job.c.id == job_id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no job {job_id}")
    return job_of(row)


def list_jobs(
    tx: Tx, *, state: str | None, kind: str | None, before_id: int | None, owner: str | None, limit: int
) -> list[Job]:
    """Newest first; the last id of a page is the next page's `before_id`. `owner`: the name of a key, or None."""
    query = select(job).order_by(job.c.id.desc()).limit(limit)
    query = query.where(job.c.state == str(state) if state is not None else job.c.state != JobState.DELETED.value)
    if kind is not None:
        query = query.where(job.c.kind == kind)
    if before_id is not None:
        query = query.where(job.c.id < before_id)
    if owner is not None:
        query = query.where(job.c.key_id.in_(select(api_key.c.id).where(api_key.c.name == owner)))
    return [job_of(row) for row in tx.run(query)]


def tasks_of(tx: Tx, job_id: int, *, states: Sequence[str] | None, after_id: int, limit: int | None) -> list[Task]:
    """Oldest first."""
    query = select(task).where(task.c.job_id == job_id, task.c.id > after_id).order_by(task.c.id)
    if states is not None:
        query = query.where(task.c.state.in_([str(state) for state in states]))
    return [task_of(row) for row in tx.run(query.limit(limit))]


def get_task(tx: Tx, task_id: int) -> Task:
    """Raises NotFound."""
    row = tx.run(select(task).where(task.c.id == task_id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no task {task_id}")
    return task_of(row)


def ranges_of(tx: Tx, job_id: int) -> list[SeedRange]:
    """What was asked for so far, in order, extensions included."""
    query = select(job_range.c.lo, job_range.c.hi).where(job_range.c.job_id == job_id).order_by(job_range.c.lo)
    return [SeedRange(row.lo, row.hi) for row in tx.run(query)]


def failures_of(tx: Tx, job_id: int, *, after_unit: int, limit: int) -> list[Failure]:
    """Quarantined units in order."""
    query = (
        select(failure)
        .where(failure.c.job_id == job_id, failure.c.unit > after_unit)
        .order_by(failure.c.unit)
        .limit(limit)
    )
    return [Failure(job_id=r.job_id, unit=r.unit, error=r.error, attempts=r.attempts) for r in tx.run(query)]
