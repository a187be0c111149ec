"""A worker asks, and the ledger chooses the job, then the task, and sizes it for who asks."""

from collections.abc import Sequence
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, or_, select

from farm.ledger.connection import Tx
from farm.ledger.cutting import cut, insert_tasks, split_off
from farm.ledger.epochs import epoch_now
from farm.ledger.fitting import fits
from farm.ledger.holding import halvable, has_cuttable, has_open_tasks
from farm.ledger.moves import move_job, move_task
from farm.ledger.roster import Roster, kinds_of, roster, willing
from farm.ledger.rows import Claim
from farm.ledger.schema import job, job_range, task
from farm.ledger.sizing import size_of_pending
from farm.ledger.states import JobState, TaskState
from farm.ledger.stealing import steal
from farm.specs.kinds import QUEUE_OF, SEQUENTIAL_KINDS

CUTTABLE = (JobState.QUEUED.value, JobState.RUNNING.value)
CLAIMABLE = (*CUTTABLE, JobState.FINISHING.value)


class Again(Enum):
    """Another claimer was faster at what looked free; ask again in a new transaction."""

    AGAIN = "again"


def claim(tx: Tx, name: str, queues: Sequence[str]) -> Claim | Again | None:
    """One task for this worker, None where there is nothing, Again where the choice was gone under the lock."""
    who = roster(tx, name)
    kinds = kinds_of(willing(who, queues)) if who else []
    if who is None or not kinds:
        return None
    chosen = tx.run(_candidates(tx, who, kinds)).first()
    if chosen is None:
        return steal(tx, who) if "render" in kinds else None
    still = (job.c.id == chosen.id, job.c.state.in_(CLAIMABLE))
    of = tx.run(select(job, epoch_now()).where(*still).with_for_update(of=job)).one_or_none()
    if of is None:
        return Again.AGAIN
    taken = _take_pending(tx, of, who, kinds) if chosen.has_pending else None
    if taken is None and of.state in CUTTABLE and of.kind in kinds:
        taken = cut(tx, of, who)
    if taken is None:
        return Again.AGAIN
    if of.state == JobState.QUEUED:
        move_job(tx, of.id, JobState.RUNNING, started_at=func.coalesce(job.c.started_at, tx.now))
    return _claim_of(taken, of, tx.limits.lease_s)


def _claim_of(row: Row[Any], of: Row[Any], lease_s: float) -> Claim:
    """What the worker gets of its task's row and its job's."""
    return Claim(
        task_id=row.id, job_id=row.job_id, kind=row.kind, spec=of.spec, lo=row.lo, hi=row.hi, cursor=row.cursor,
        attempt=row.attempt, lease_s=lease_s, epoch=of.epoch,
    )  # fmt: skip


def _candidates(tx: Tx, who: Roster, kinds: Sequence[str]) -> Any:
    """The job to take from: highest priority, fewest running tasks, served longest ago, oldest. Nothing is locked yet.

    Served longest ago: its newest task is the oldest. Without it a farm of one worker, where no job has a running task
    when it asks, would give a job of a million seeds all its time before a younger one of four.
    """
    pending = select(task.c.id).where(task.c.job_id == job.c.id, _is_pending_for(tx, who, kinds)).exists()
    cuttable = and_(
        job.c.kind.in_(kinds),
        job.c.state.in_(CUTTABLE),
        has_cuttable(job.c.id, fits(tx, who.memory_bytes, job_range.c.rate_key)),
        or_(job.c.kind.not_in(SEQUENTIAL_KINDS), ~has_open_tasks(job.c.id)),
    )
    running = (
        select(func.count())
        .select_from(task)
        .where(task.c.job_id == job.c.id, task.c.state == TaskState.RUNNING.value)
        .scalar_subquery()
    )
    newest = select(func.coalesce(func.max(task.c.id), 0)).where(task.c.job_id == job.c.id).scalar_subquery()
    return (
        select(job.c.id, pending.label("has_pending"))
        .where(job.c.state.in_(CLAIMABLE), or_(pending, cuttable))
        .order_by(job.c.priority.desc(), running, newest, job.c.id)
        .limit(1)
    )


def _is_pending_for(tx: Tx, who: Roster, kinds: Sequence[str]) -> ColumnElement[bool]:
    """SQL: the task waits, its pause after a failure is over, it is not kept for another worker, and fits this one."""
    keepable = [kind for kind in kinds if who.others_serve(QUEUE_OF[kind])]
    free = or_(task.c.avoid.is_(None), task.c.avoid != who.me.name, task.c.avoid_until <= tx.now)
    if len(keepable) < len(kinds):
        free = or_(free, task.c.kind.not_in(keepable))
    can = fits(tx, who.memory_bytes, task.c.rate_key)
    return and_(task.c.state == TaskState.PENDING.value, task.c.kind.in_(kinds), task.c.not_before <= tx.now, free, can)


def _take_pending(tx: Tx, of: Row[Any], who: Roster, kinds: Sequence[str]) -> Row[Any] | None:
    """The oldest pending task of a locked job, running on this worker now; too large a tail is split off."""
    oldest = select(task).where(task.c.job_id == of.id, _is_pending_for(tx, who, kinds)).order_by(task.c.id).limit(1)
    row = tx.run(oldest).one_or_none()
    if row is None:
        return None
    hi = row.hi
    if halvable(row.kind):
        size = size_of_pending(tx, row, who)
        # A tail of less than half a task is not worth a task.
        hi = row.cursor + size if row.hi - row.cursor > size + size // 2 else row.hi
    if hi < row.hi:
        insert_tasks(tx, [split_off(row, hi, row.hi)])
    move_task(
        tx, row.id, row.attempt, TaskState.RUNNING,
        attempt=row.attempt + 1, hi=hi, claimed_from=row.cursor, worker=who.me.name, units_done=None, raised={},
        lease_until=tx.now + tx.limits.lease_s, progress_at=tx.now,
    )  # fmt: skip
    return tx.run(select(task).where(task.c.id == row.id)).one()
