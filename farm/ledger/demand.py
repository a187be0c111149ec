"""How much work each queue could take now, so that as many tickets are sent as free slots can use."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Row, Select, String, case, cast, func, or_, select, type_coerce

from farm.ledger.accounts import may_go
from farm.ledger.claiming import CLAIMABLE, CUTTABLE
from farm.ledger.connection import Tx
from farm.ledger.holding import has_open_tasks, is_cuttable
from farm.ledger.roster import live_and_willing, rate_of, serves
from farm.ledger.rows import Demand
from farm.ledger.schema import job, job_range, task, worker
from farm.ledger.states import TaskState
from farm.ledger.stealing import STOLEN_KIND, stragglers, tail_units
from farm.specs.kinds import QUEUE_OF, QUEUES, SEQUENTIAL_KINDS

MANY = 100_000
"""Uncut units of a range beyond this count no further: no farm has more free slots."""


def demand(tx: Tx) -> list[Demand]:
    """One line a queue. Uncut units count singly: how they are cut is decided by who claims."""
    free, claimable = _free(tx), Counter[str]()
    for query in (tx.built("demand.pending", lambda: _pending(tx)), tx.built("demand.uncut", lambda: _uncut(tx))):
        for row in tx.run(query):
            claimable[QUEUE_OF[row.kind]] += int(row.n)
    queue = QUEUE_OF[STOLEN_KIND]
    # Tails are looked for only where slots stay free without them: it takes the rates of all idle workers.
    if claimable[queue] < free[queue]:
        claimable[queue] += _stealable(tx, queue)
    return [Demand(queue=queue, claimable=claimable[queue], free_slots=free[queue]) for queue in QUEUES]


def free_slots(tx: Tx, queues: Sequence[str]) -> int:
    """Slots of live, willing workers that serve one of these queues and have nothing to do."""
    return sum(free for served, free in _free_together(tx) if set(queues) & set(served))


def _free(tx: Tx) -> Counter[str]:
    """Free slots of live, willing workers, by queue."""
    free = Counter[str]()
    for served, slots in _free_together(tx):
        free.update(dict.fromkeys(served, slots))
    return free


def _free_together(tx: Tx) -> list[tuple[list[str], int]]:
    """(queues, free slots) of all workers that serve just these queues."""
    rows = tx.run(tx.built("demand.free", lambda: _free_by_queues(tx)))
    return [(json.loads(row.told), int(row.free)) for row in rows]


def _free_by_queues(tx: Tx) -> Select[Any, Any]:
    """(queues as text, free slots): one row for a thousand workers that serve the same."""
    told, slots = cast(worker.c.kinds, String), _free_slots(tx).subquery()
    query = select(told.label("told"), func.sum(slots.c.free).label("free"))
    return query.join(slots, slots.c.name == worker.c.name).group_by(told)


def _free_slots(tx: Tx) -> Select[Any]:
    """(name, free slots) of the live, willing workers."""
    # Counted once for all of them: a count beside each worker's row reads every running task once a worker.
    running = task.c.state == TaskState.RUNNING.value
    held = select(task.c.worker, func.count().label("n")).where(running).group_by(task.c.worker).subquery()
    left = worker.c.slots - func.coalesce(held.c.n, 0)
    query = select(worker.c.name, case((left > 0, left), else_=0).label("free"))
    return query.outerjoin(held, held.c.worker == worker.c.name).where(live_and_willing(tx))


def _pending(tx: Tx) -> Select[Any]:
    waiting = (
        task.c.state == TaskState.PENDING.value,
        task.c.not_before <= tx.now,
        job.c.state.in_(CLAIMABLE),
        may_go(tx),
    )
    query = select(task.c.kind, func.count().label("n")).join(job, job.c.id == task.c.job_id).where(*waiting)
    return query.group_by(task.c.kind)


def _uncut(tx: Tx) -> Select[Any]:
    left = type_coerce(job_range.c.hi, BigInteger) - type_coerce(job_range.c.next, BigInteger)
    units = case((job.c.kind.in_(SEQUENTIAL_KINDS), 1), (left > MANY, MANY), else_=left)
    return (
        select(job.c.kind, func.sum(units).label("n"))
        .join(job_range, job_range.c.job_id == job.c.id)
        .where(
            job.c.state.in_(CUTTABLE),
            is_cuttable(),
            may_go(tx),
            or_(job.c.kind.not_in(SEQUENTIAL_KINDS), ~has_open_tasks(job.c.id)),
        )
        .group_by(job.c.kind)
    )


def _stealable(tx: Tx, queue: str) -> int:
    """Running tasks whose tail some free worker would get if it asked."""
    idle = list(tx.run(tx.built(("demand.idle", queue), lambda: _idle(tx, queue))))
    if not idle:
        return 0
    return sum(_is_stealable(tx, row, idle) for row in tx.run(tx.built("demand.stragglers", lambda: stragglers(tx))))


def _idle(tx: Tx, queue: str) -> Select[Any]:
    """(name, rates) of the workers with a free slot that serve this queue."""
    slots = _free_slots(tx).subquery()
    query = select(worker.c.name, worker.c.rates).join(slots, slots.c.name == worker.c.name)
    return query.where(slots.c.free > 0, serves(queue))


def _is_stealable(tx: Tx, row: Row[Any], idle: list[Any]) -> bool:
    rates = (rate_of(thief.rates, row.rate_key) for thief in idle if thief.name != row.worker)
    return any(tail_units(row, rate, tx.limits) for rate in rates)
