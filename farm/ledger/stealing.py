"""A straggler is shortened: the unstarted tail of the largest running task that paints goes to an idle worker."""

import math
from typing import Any

from sqlalchemy import BigInteger, Row, Select, insert, select, type_coerce, update

from farm.ledger.connection import Tx
from farm.ledger.cutting import split_off
from farm.ledger.epochs import epoch_now
from farm.ledger.limits import Limits
from farm.ledger.roster import Roster
from farm.ledger.rows import Claim
from farm.ledger.schema import job, task
from farm.ledger.states import JobState, TaskState
from farm.specs.kinds import PORTRAIT_KINDS

STOLEN_KIND = "render"
"""Whose queue every kind with tails to take is served by."""
LEAST_UNITS = 2
"""A tail of fewer units is not worth a task."""
LOOKED_AT = 20
"""How many of the largest running tasks are considered."""


def steal(tx: Tx, who: Roster) -> Claim | None:
    """Lowers the owner's `hi` and gives the tail to this worker; the owner learns of it at its next beat."""
    tails = (found for found in tx.run(largest_running()) if found.worker != who.me.name)
    found = next((row for row in tails if tail_units(row, who, tx.limits) >= LEAST_UNITS), None)
    if found is None:
        return None
    running = (job.c.id == found.job_id, job.c.state == JobState.RUNNING.value)
    of = tx.run(select(job.c.spec, epoch_now()).where(*running).with_for_update(of=job)).one_or_none()
    # Read again under the job's lock: meanwhile it may have ended, or lost its tail to another thief.
    row = tx.run(select(task).where(task.c.id == found.id, task.c.state == TaskState.RUNNING.value)).one_or_none()
    units = tail_units(row, who, tx.limits) if of is not None and row is not None else 0
    if of is None or row is None or units < LEAST_UNITS:
        return None
    hi = row.hi - units
    tx.run(update(task).where(task.c.id == row.id, task.c.attempt == row.attempt).values(hi=hi))
    return _tail(tx, row, hi, who, of)


def largest_running() -> Select[Any]:
    """Running tasks that could lose a tail, most unsettled units first."""
    unsettled = type_coerce(task.c.hi, BigInteger) - type_coerce(task.c.cursor, BigInteger)
    return (
        select(task.c.id, task.c.job_id, task.c.worker, task.c.rate_key, task.c.cursor, task.c.hi)
        .join(job, job.c.id == task.c.job_id)
        .where(
            task.c.state == TaskState.RUNNING.value,
            task.c.kind.in_(PORTRAIT_KINDS),
            job.c.state == JobState.RUNNING.value,
            unsettled > LEAST_UNITS,
        )
        .order_by(unsettled.desc(), task.c.id)
        .limit(LOOKED_AT)
    )


def tail_units(row: Row[Any], who: Roster, limits: Limits) -> int:
    """How many of the last units the thief gets, so that both end at about the same time.

    The owner keeps what it will do within two beats by its own rate, half of it all where the rate is unknown.
    """
    unsettled = int(row.hi - row.cursor)
    own, mine = who.rate(row.worker, row.rate_key), who.rate(who.me.name, row.rate_key)
    kept = math.ceil(own * 2 * limits.beat_s) if own else unsettled - unsettled // 2
    share = mine / (mine + own) if own and mine else 0.5
    return max(0, min(unsettled - max(1, kept), int(unsettled * share)))


def _tail(tx: Tx, row: Row[Any], hi: int, who: Roster, of: Row[Any]) -> Claim:
    values = split_off(
        row, hi, row.hi,
        state=TaskState.RUNNING.value, attempt=1, claimed_from=hi, worker=who.me.name, not_before=0.0,
        lease_until=tx.now + tx.limits.lease_s, progress_at=tx.now,
    )  # fmt: skip
    made = tx.run(insert(task).values(**values).returning(task.c.id)).scalar_one()
    return Claim(
        task_id=made, job_id=row.job_id, kind=row.kind, spec=of.spec, lo=hi, hi=row.hi, cursor=hi, attempt=1,
        lease_s=tx.limits.lease_s, epoch=of.epoch,
    )  # fmt: skip
