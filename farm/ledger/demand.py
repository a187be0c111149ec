"""How much work each queue could take now, so that as many tickets are sent as free slots can use."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Row, case, func, or_, select, type_coerce

from farm.ledger.accounts import may_go
from farm.ledger.claiming import CLAIMABLE, CUTTABLE
from farm.ledger.connection import Tx
from farm.ledger.holding import has_open_tasks, is_cuttable
from farm.ledger.roster import rate_of
from farm.ledger.rows import Demand
from farm.ledger.schema import job, job_range, task, worker
from farm.ledger.states import TaskState
from farm.ledger.stealing import STOLEN_KIND, stragglers, tail_units
from farm.specs.kinds import QUEUE_OF, QUEUES, SEQUENTIAL_KINDS

MANY = 100_000
"""Uncut units of a range beyond this count no further: no farm has more free slots."""


def demand(tx: Tx) -> list[Demand]:
    """One line a queue. Uncut units count singly: how they are cut is decided by who claims."""
    rows = _live(tx)
    free, claimable = Counter[str](), Counter[str]()
    for row in rows:
        free.update({queue: max(0, row.slots - row.busy) for queue in row.kinds})
    for kind, count in (*_pending(tx), *_uncut(tx)):
        claimable[QUEUE_OF[kind]] += int(count)
    claimable[QUEUE_OF[STOLEN_KIND]] += _stealable(tx, rows)
    return [Demand(queue=queue, claimable=claimable[queue], free_slots=free[queue]) for queue in QUEUES]


def free_slots(tx: Tx, queues: Sequence[str]) -> int:
    """Slots of live, willing workers that serve one of these queues and have nothing to do."""
    return sum(max(0, row.slots - row.busy) for row in _live(tx) if set(queues) & set(row.kinds))


def _live(tx: Tx) -> list[Any]:
    """Live, willing workers, each with the number of its running tasks."""
    # Counted once for all of them: a count beside each worker's row reads every running task once a worker.
    running = task.c.state == TaskState.RUNNING.value
    held = select(task.c.worker, func.count().label("n")).where(running).group_by(task.c.worker).subquery()
    busy = func.coalesce(held.c.n, 0).label("busy")
    live = worker.c.seen_at > tx.now - tx.limits.live_s
    away = func.coalesce(worker.c.leave_until, 0.0) > tx.now
    query = select(worker, busy).outerjoin(held, held.c.worker == worker.c.name)
    return list(tx.run(query.where(live, ~away, ~worker.c.draining)))


def _pending(tx: Tx) -> list[Any]:
    waiting = (
        task.c.state == TaskState.PENDING.value,
        task.c.not_before <= tx.now,
        job.c.state.in_(CLAIMABLE),
        may_go(tx),
    )
    query = select(task.c.kind, func.count()).join(job, job.c.id == task.c.job_id).where(*waiting)
    return list(tx.run(query.group_by(task.c.kind)))


def _uncut(tx: Tx) -> list[Any]:
    left = type_coerce(job_range.c.hi, BigInteger) - type_coerce(job_range.c.next, BigInteger)
    units = case((job.c.kind.in_(SEQUENTIAL_KINDS), 1), (left > MANY, MANY), else_=left)
    query = (
        select(job.c.kind, func.sum(units))
        .join(job_range, job_range.c.job_id == job.c.id)
        .where(
            job.c.state.in_(CUTTABLE),
            is_cuttable(),
            may_go(tx),
            or_(job.c.kind.not_in(SEQUENTIAL_KINDS), ~has_open_tasks(job.c.id)),
        )
        .group_by(job.c.kind)
    )
    return list(tx.run(query))


def _stealable(tx: Tx, rows: list[Any]) -> int:
    """Running tasks whose tail some free worker would get if it asked."""
    idle = [row for row in rows if QUEUE_OF[STOLEN_KIND] in row.kinds and row.slots > row.busy]
    if not idle:
        return 0
    return sum(_is_stealable(tx, row, idle) for row in tx.run(stragglers(tx)))


def _is_stealable(tx: Tx, row: Row[Any], idle: list[Any]) -> bool:
    rates = (rate_of(thief.rates, row.rate_key) for thief in idle if thief.name != row.worker)
    return any(tail_units(row, rate, tx.limits) for rate in rates)
