"""A worker asks, and the ledger chooses the job, then the task, and sizes it for who asks."""

from collections.abc import Sequence
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select, update

from farm.ledger.accounts import has_slot, lately, may_go, running_by_name, within_budget
from farm.ledger.connection import Tx
from farm.ledger.cutting import cut, insert_tasks, split_off
from farm.ledger.epochs import epoch_now
from farm.ledger.fitting import fits
from farm.ledger.holding import halvable, has_cuttable, has_open_tasks, least_rank
from farm.ledger.moves import move_job, move_task
from farm.ledger.one_class import decide, may_paint, may_paint_task
from farm.ledger.roster import Roster, kinds_of, roster, willing
from farm.ledger.rows import Claim
from farm.ledger.schema import account, job, job_range, task
from farm.ledger.schema.work import GOING
from farm.ledger.sizing import size_of_pending
from farm.ledger.states import JobState, TaskState
from farm.ledger.stealing import steal
from farm.specs.kinds import QUEUE_OF, SEQUENTIAL_KINDS
from farm.specs.priorities import STEP, level_of

CUTTABLE = (JobState.QUEUED.value, JobState.RUNNING.value)
CLAIMABLE = (*CUTTABLE, JobState.FINISHING.value)


class Again(Enum):
    """Another claimer was faster at what looked free; ask again in a new transaction."""

    AGAIN = "again"


def claim(tx: Tx, name: str, queues: Sequence[str], first: str | None = None) -> Claim | Again | None:
    """One task for this worker, None where there is nothing, Again where the choice was gone under the lock.

    `first`: the queue whose ticket was taken. It goes before the others, but for work of a higher level.
    """
    who = roster(tx, name)
    kinds = kinds_of(willing(who, queues)) if who else []
    if who is None or not kinds:
        return None
    chosen, among = _chosen(tx, who, kinds, first)
    if chosen is None:
        return steal(tx, who) if "render" in kinds else None
    # It is noted at once that this job was served: the update is the lock.
    still = (job.c.id == chosen.id, job.c.state.in_(CLAIMABLE), or_(within_budget(), job.c.state.not_in(CUTTABLE)))
    served = update(job).where(*still).values(served_at=tx.now).returning(job, epoch_now())
    of = tx.run(served).one_or_none()
    if of is None or (chosen.max_running is not None and not has_slot(tx, of.owner)):
        return Again.AGAIN
    taken = _take_pending(tx, of, who, among) if chosen.has_pending else None
    if taken is None and of.state in CUTTABLE and of.kind in among:
        taken = cut(tx, of, who)
    if taken is None:
        return Again.AGAIN
    decide(tx, of, taken, who)
    if of.state == JobState.QUEUED:
        move_job(tx, of.id, JobState.RUNNING, started_at=func.coalesce(job.c.started_at, tx.now))
    return _claim_of(taken, of, tx.limits.lease_s)


def _claim_of(row: Row[Any], of: Row[Any], lease_s: float) -> Claim:
    """What the worker gets of its task's row and its job's."""
    return Claim(
        task_id=row.id, job_id=row.job_id, kind=row.kind, spec=of.spec, lo=row.lo, hi=row.hi, cursor=row.cursor,
        attempt=row.attempt, lease_s=lease_s, epoch=of.epoch,
    )  # fmt: skip


def _chosen(tx: Tx, who: Roster, kinds: Sequence[str], first: str | None) -> tuple[Row[Any] | None, Sequence[str]]:
    """The job to take from, and the kinds of task it may be."""
    own = [kind for kind in kinds if first is None or QUEUE_OF[kind] == first]
    others = [kind for kind in kinds if kind not in own]
    found = tx.run(choice(tx, who, own)).first() if own else None
    if not others:
        return found, own
    above = None if found is None else level_of(-found.rank) + STEP
    if found is not None and (found.least_rank is None or -found.least_rank < (above or 0)):
        return found, own
    better = tx.run(choice(tx, who, others, at_least=above)).first()
    return (found, own) if better is None else (better, others)


def choice(tx: Tx, who: Roster, kinds: Sequence[str], *, at_least: int | None = None) -> Select[Any]:
    """The job to take from. Nothing is locked yet. Built once for a worker, as long as it is asked in the same way."""
    serving = tuple(who.others_serve(QUEUE_OF[kind]) for kind in kinds)
    of_me = (who.me.name, who.memory_bytes, who.me.render_class, serving)
    return tx.built(("choice", *of_me, tuple(kinds), at_least), lambda: _choice(tx, who, kinds, at_least))


def _choice(tx: Tx, who: Roster, kinds: Sequence[str], at_least: int | None) -> Select[Any]:
    """Of every name the first job that has something for this worker: highest priority, then served longest ago, then
    oldest. Of these the highest priority; among equals the name that used the least device time lately for its share,
    what it runs just now counted as tasks of ordinary length.

    An index gives each name's jobs in this order, so that the thousands behind the first one are not looked at.
    Served longest ago: without it a farm of one worker would give a job of a million seeds all its time before a
    younger one of four.
    """
    best = (
        select(job.c.id)
        .where(job.c.owner == account.c.name, GOING, may_go(tx), _has_work(tx, job, who, kinds))
        .order_by(job.c.rank, job.c.served_at, job.c.id)
        .limit(1)
    )
    if at_least is not None:
        best = best.where(job.c.rank <= -at_least)
    names = select(
        account, lately(tx, account.c.name).label("lately"), best.correlate(account).scalar_subquery().label("job_id")
    )
    name, top = names.subquery("name"), job.alias("top")
    busy = running_by_name()
    expected_s = func.coalesce(busy.c.n, 0) * tx.limits.task_target_s
    pending = _pending(tx, top.c.id, who, kinds)
    return (
        select(
            top.c.id,
            top.c.kind,
            top.c.state,
            top.c.rank,
            name.c.max_running,
            pending.label("has_pending"),
            least_rank(),
        )
        .select_from(name.join(top, top.c.id == name.c.job_id).outerjoin(busy, busy.c.owner == name.c.name))
        .order_by(top.c.rank, (name.c.lately + expected_s) / name.c.share, top.c.served_at, top.c.id)
        .limit(1)
    )


def _has_work(tx: Tx, of: Any, who: Roster, kinds: Sequence[str]) -> ColumnElement[bool]:
    """SQL: the job has a pending task for this worker, or units that may be cut into one."""
    cuttable = and_(
        of.c.kind.in_(kinds),
        of.c.state.in_(CUTTABLE),
        may_paint(who, of.c.kind, of.c.render_class),
        has_cuttable(of.c.id, fits(tx, who.memory_bytes, job_range.c.rate_key)),
        or_(of.c.kind.not_in(SEQUENTIAL_KINDS), ~has_open_tasks(of.c.id)),
    )
    return or_(_pending(tx, of.c.id, who, kinds), cuttable)


def _pending(tx: Tx, job_id: Any, who: Roster, kinds: Sequence[str]) -> ColumnElement[bool]:
    return select(task.c.id).where(task.c.job_id == job_id, _is_pending_for(tx, who, kinds)).exists()


def _is_pending_for(tx: Tx, who: Roster, kinds: Sequence[str]) -> ColumnElement[bool]:
    """SQL: the task waits, its pause after a failure is over, it is not kept for another worker, and fits this one."""
    keepable = [kind for kind in kinds if who.others_serve(QUEUE_OF[kind])]
    free = or_(task.c.avoid.is_(None), task.c.avoid != who.me.name, task.c.avoid_until <= tx.now)
    if len(keepable) < len(kinds):
        free = or_(free, task.c.kind.not_in(keepable))
    can = and_(fits(tx, who.memory_bytes, task.c.rate_key), may_paint_task(who))
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
