"""A straggler is shortened: the unstarted tail of the running task that needs longest goes to an idle worker."""

import math
from typing import Any

from sqlalchemy import BigInteger, Row, Select, func, insert, select, type_coerce, update

from farm.ledger.accounts import has_slot, may_go
from farm.ledger.connection import Tx
from farm.ledger.cutting import split_off
from farm.ledger.epochs import epoch_now
from farm.ledger.fitting import fits
from farm.ledger.limits import Limits
from farm.ledger.one_class import may_paint_task
from farm.ledger.roster import Roster, rate_of
from farm.ledger.rows import Claim
from farm.ledger.schema import job, task, worker
from farm.ledger.sizing import LEAST_OF_TARGET
from farm.ledger.states import JobState, TaskState
from farm.specs.kinds import SETTLED_ALONE_KINDS

STOLEN_KIND = "render"
"""Whose queue every kind with tails to take is served by."""
LEAST_UNITS = 2
"""A tail of fewer units is not worth a task, unless each of them takes longer than the shortest task planned."""
LOOKED_AT = 50
"""How many running tasks are considered, those first that seem to need longest."""


def steal(tx: Tx, who: Roster) -> Claim | None:
    """Lowers the owner's `hi` and gives the tail to this worker; the owner learns of it at its next beat.

    Of the task that will take its owner longest, by what it did so far.
    """
    theirs = [row for row in tx.run(stragglers(tx, who)) if row.worker != who.me.name]
    worth = [row for row in theirs if tail_units(row, who.rate(row.rate_key), tx.limits)]
    found = max(worth, key=lambda row: seconds_left(row, tx.limits), default=None)
    if found is None:
        return None
    running = (job.c.id == found.job_id, job.c.state == JobState.RUNNING.value)
    of = tx.run(select(job.c.spec, job.c.owner, epoch_now()).where(*running).with_for_update(of=job)).one_or_none()
    # Read again under the job's lock: meanwhile it may have ended, or lost its tail to another thief.
    row = tx.run(_running(tx).where(task.c.id == found.id)).one_or_none()
    units = tail_units(row, who.rate(row.rate_key), tx.limits) if of is not None and row is not None else 0
    if of is None or row is None or not units or not has_slot(tx, of.owner):
        return None
    hi = row.hi - units
    tx.run(update(task).where(task.c.id == row.id, task.c.attempt == row.attempt).values(hi=hi))
    return _tail(tx, row, hi, who, of)


def stragglers(tx: Tx, who: Roster | None = None) -> Select[Any]:
    """Running tasks that could lose a tail (to `who`), those first that seem to need longest.

    As long as the units it settled took, so long take those that are left: so a slow or stopped owner comes first.
    """
    unsettled = type_coerce(task.c.hi, BigInteger) - type_coerce(task.c.cursor, BigInteger)
    settled = type_coerce(task.c.cursor, BigInteger) - type_coerce(task.c.claimed_from, BigInteger)
    seems_s = unsettled * _elapsed(tx) / (settled + 0.5)
    query = (
        _running(tx)
        .join(job, job.c.id == task.c.job_id)
        .where(task.c.kind.in_(SETTLED_ALONE_KINDS), job.c.state == JobState.RUNNING.value, unsettled > 1)
        .where(may_go(tx))
    )
    if who is not None:
        query = query.where(fits(tx, who.memory_bytes, task.c.rate_key), may_paint_task(who))
    return query.order_by(seems_s.desc(), task.c.id).limit(LOOKED_AT)


def tail_units(row: Row[Any], mine: float | None, limits: Limits) -> int:
    """How many of the last units a thief of rate `mine` gets, so that both end at about the same time; 0: not worth it.

    The owner keeps what it will do within two beats by its own rate, half of it all where the rate is unknown.
    """
    unsettled = int(row.hi - row.cursor)
    own = owners_rate(row, limits)
    kept = math.ceil(own * 2 * limits.beat_s) if own else unsettled - unsettled // 2
    share = mine / (mine + own) if own and mine else 0.5
    units = max(0, min(unsettled - max(1, kept), int(unsettled * share)))
    long_units = own is not None and own * limits.task_target_s * LEAST_OF_TARGET < 1
    return units if units >= (1 if long_units else LEAST_UNITS) else 0


def owners_rate(row: Row[Any], limits: Limits) -> float | None:
    """Units a second of a task's owner: what it measured before, and no more than this attempt shows.

    What was settled since the last beat is not known yet, and what was begun takes a moment to show: hence two beats
    and a unit in its favour.
    """
    known = rate_of(row.owner_rates, row.rate_key)
    seen_s = float(row.elapsed_s) - 2 * limits.beat_s
    if seen_s <= 0:
        return known
    shown = (int(row.cursor - row.claimed_from) + 1) / seen_s
    return min(known, shown) if known else shown


def seconds_left(row: Row[Any], limits: Limits) -> float:
    """What the owner will need for the rest by its rate; where that is unknown, a unit counts as a second."""
    return int(row.hi - row.cursor) / (owners_rate(row, limits) or 1.0)


def _running(tx: Tx) -> Select[Any]:
    owner = (worker.c.rates.label("owner_rates"), _elapsed(tx).label("elapsed_s"))
    query = select(task, *owner).select_from(task.outerjoin(worker, worker.c.name == task.c.worker))
    return query.where(task.c.state == TaskState.RUNNING.value)


def _elapsed(tx: Tx) -> Any:
    return tx.now - func.coalesce(task.c.claimed_at, tx.now)


def _tail(tx: Tx, row: Row[Any], hi: int, who: Roster, of: Row[Any]) -> Claim:
    values = split_off(
        row, hi, row.hi,
        state=TaskState.RUNNING.value, attempt=1, claimed_from=hi, worker=who.me.name, not_before=0.0,
        claimed_at=tx.now, lease_until=tx.now + tx.limits.lease_s, progress_at=tx.now,
    )  # fmt: skip
    made = tx.run(insert(task).values(**values).returning(task.c.id)).scalar_one()
    return Claim(
        task_id=made, job_id=row.job_id, kind=row.kind, spec=of.spec, lo=hi, hi=row.hi, cursor=hi, attempt=1,
        lease_s=tx.limits.lease_s, epoch=of.epoch,
    )  # fmt: skip
