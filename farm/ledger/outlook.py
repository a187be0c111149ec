"""What an estimate asks of the ledger: the work that is there already, and portraits that need none."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, func, select, type_coerce

from farm.ledger.connection import Tx
from farm.ledger.holding import OPEN_STATES
from farm.ledger.schema import job, job_range, portrait, task
from farm.ledger.states import JobState

GOING = (JobState.QUEUED.value, JobState.RUNNING.value, JobState.FINISHING.value)
BATCH = 1000


@dataclass(frozen=True, kw_only=True)
class Ahead:
    """Units of one class of work that a job still has to do."""

    job_id: int
    kind: str
    priority: int
    rate_key: str
    units: int


def ahead(tx: Tx) -> list[Ahead]:
    """Of every job that may go on: uncut units, and what is left of its open tasks."""
    uncut = type_coerce(job_range.c.hi, BigInteger) - type_coerce(job_range.c.next, BigInteger)
    ranges = (
        select(job.c.id, job.c.kind, job.c.priority, job_range.c.rate_key, func.sum(uncut).label("units"))
        .join(job_range, job_range.c.job_id == job.c.id)
        .where(job.c.state.in_(GOING), job_range.c.next < job_range.c.hi)
        .group_by(job.c.id, job.c.kind, job.c.priority, job_range.c.rate_key)
    )
    left = type_coerce(task.c.hi, BigInteger) - type_coerce(task.c.cursor, BigInteger)
    tasks = (
        select(job.c.id, task.c.kind, job.c.priority, task.c.rate_key, func.sum(left).label("units"))
        .join(task, task.c.job_id == job.c.id)
        .where(job.c.state.in_(GOING), task.c.state.in_(OPEN_STATES))
        .group_by(job.c.id, task.c.kind, job.c.priority, task.c.rate_key)
    )
    rows = [*tx.run(ranges), *tx.run(tasks)]
    return [
        Ahead(job_id=r.id, kind=r.kind, priority=r.priority, rate_key=r.rate_key or r.kind, units=int(r.units))
        for r in rows
    ]


def stored(tx: Tx, recipes: Sequence[str]) -> int:
    """How many of these are there and not marked for deletion."""
    found = 0
    for start in range(0, len(recipes), BATCH):
        some = list(recipes[start : start + BATCH])
        query = select(func.count()).select_from(portrait).where(portrait.c.recipe.in_(some), ~portrait.c.deleting)
        found += int(tx.run(query).scalar_one())
    return found
