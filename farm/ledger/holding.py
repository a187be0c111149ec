"""Taking hold of a task: its job's row is locked first, so every change within one job happens one after another."""

import functools
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, and_, bindparam, exists, func, or_, select

from farm.ledger.connection import Tx
from farm.ledger.epochs import epoch_now
from farm.ledger.rows import Outcome
from farm.ledger.schema import account, job, job_range, task, worker
from farm.ledger.schema.work import GOING
from farm.ledger.states import JobState, TaskState
from farm.specs.kinds import BACKSTAGE_KINDS, FINALISED_KINDS, SETTLED_ALONE_KINDS
from farm.specs.priorities import STEP

BEAT_MOVES_CURSOR = SETTLED_ALONE_KINDS
"""Kinds whose every settled unit is in storage by itself. The others settle units only with what the end of an
attempt leaves (verdicts, a checkpoint), so that a lost attempt loses no half-written output."""

OPEN_STATES = (TaskState.PENDING.value, TaskState.RUNNING.value)


def halvable(kind: str) -> bool:
    """True for tasks of many units that stand for themselves; a slice or a single unit succeeds or fails whole."""
    return kind in FINALISED_KINDS


@dataclass(frozen=True, kw_only=True)
class Held:
    """A running task that is ours, under its job's lock, and the worker that owns it."""

    job_id: int
    job_kind: str
    job_state: JobState
    total: int
    settled: int
    task: Row[Any]
    draining: bool
    strikes: int
    rates: dict[str, float]
    render_class: str
    epoch: int
    owner: str
    """The name its job belongs to."""
    priority: int
    device_s: float
    """Device seconds of the job, this report included."""
    budget_s: float | None
    mark_at: float | None
    listed: int
    """The next part of the result list to be written while the job runs."""
    list_due: int | None
    """It cannot be whole before so many units are settled; None: the job has no such list."""
    now_s: float
    unpaid_s: float
    """Seconds since this attempt reported last."""
    has_quota: bool
    """The name may not use portraits or bytes without limit."""
    is_pressed: bool
    """Some job is more urgent than this one by a whole level."""

    @property
    def is_spent(self) -> bool:
        """True once the job has used up its budget."""
        return self.budget_s is not None and self.device_s >= self.budget_s

    @property
    def counts(self) -> bool:
        """False for tasks whose units are none of the job's."""
        return self.task.kind not in BACKSTAGE_KINDS

    @property
    def rest(self) -> TaskState:
        """What units that are left become: a task of an ended job waits no more."""
        ended = self.job_state in (JobState.CANCELLED, JobState.FAILED, JobState.DELETED)
        return TaskState.CANCELLED if ended else TaskState.PENDING


def hold(tx: Tx, task_id: int, attempt: int) -> Held | None:
    """Locks the job of a task, then reads the task; None where this attempt does not own it (any more)."""
    of_job = tx.run(tx.built("holding.job", _job_of_task), {"task": task_id}).one_or_none()
    if of_job is None:
        return None
    owned = {"task": task_id, "of_attempt": attempt, "owner": of_job.owner}
    row = tx.run(tx.built("holding.task", lambda: _owned_task(tx)), owned).one_or_none()
    if row is None:
        return None
    # A lease is renewed by every report, and by nothing else.
    unpaid_s = max(0.0, row.now_s - (row.lease_until - tx.limits.lease_s))
    return Held(
        job_id=of_job.id,
        job_kind=of_job.kind,
        job_state=JobState(of_job.state),
        total=of_job.total,
        settled=of_job.done + of_job.failed,
        task=row,
        draining=bool(row.draining),
        strikes=row.strikes or 0,
        rates=row.rates or {},
        render_class=row.render_class or "",
        epoch=row.epoch,
        owner=of_job.owner,
        priority=of_job.priority,
        device_s=of_job.device_s + unpaid_s,
        budget_s=of_job.budget_s,
        mark_at=of_job.mark_at,
        listed=of_job.listed or 0,
        list_due=of_job.list_due,
        now_s=row.now_s,
        unpaid_s=unpaid_s,
        has_quota=bool(row.has_quota),
        is_pressed=row.least_rank is not None and -row.least_rank >= of_job.priority + STEP,
    )


def _job_of_task() -> Select[Any]:
    """Locks the job of the task `task`."""
    owner = select(task.c.job_id).where(task.c.id == bindparam("task")).scalar_subquery()
    columns = (job.c.id, job.c.kind, job.c.state, job.c.total, job.c.done, job.c.failed)
    terms = (job.c.owner, job.c.priority, job.c.device_s, job.c.budget_s)
    lists = (job.c.mark_at, job.c.listed, job.c.list_due)
    return select(*columns, *terms, *lists).where(job.c.id == owner).with_for_update()


def _owned_task(tx: Tx) -> Select[Any]:
    """The task `task` where `of_attempt` owns it, with its worker and what `owner` may use."""
    of_worker = (worker.c.draining, worker.c.strikes, worker.c.rates, worker.c.render_class)
    limited = or_(account.c.max_per_day.is_not(None), account.c.max_bytes.is_not(None))
    about = (epoch_now(), tx.now.label("now_s"), least_rank(), limited.label("has_quota"))
    mine = (task.c.id == bindparam("task"), task.c.attempt == bindparam("of_attempt"))
    return (
        select(task, *of_worker, *about)
        .outerjoin(worker, worker.c.name == task.c.worker)
        .outerjoin(account, account.c.name == bindparam("owner"))
        .where(*mine, task.c.state == TaskState.RUNNING.value)
    )


def least_rank() -> Any:
    """SQL: the rank of the most urgent job that goes on; NULL where none does."""
    going = job.alias("going")
    return select(func.min(going.c.rank)).where(GOING).scalar_subquery().label("least_rank")


def has_open_tasks(job_id: Any) -> Any:
    """SQL: the job has a pending or running task."""
    return exists().where(task.c.job_id == job_id, task.c.state.in_(OPEN_STATES))


@functools.cache
def is_cuttable() -> Any:
    """SQL: this row of `job_range` has units left, and everything below its barrier is settled."""
    lower = job_range.alias()
    uncut = exists().where(lower.c.job_id == job_range.c.job_id, lower.c.lo < job_range.c.lo, lower.c.next < lower.c.hi)
    open_below = exists().where(
        task.c.job_id == job_range.c.job_id, task.c.state.in_(OPEN_STATES), task.c.kind.not_in(BACKSTAGE_KINDS),
        task.c.lo < job_range.c.lo,
    )  # fmt: skip
    begun = job_range.c.next > job_range.c.lo
    clear = and_(~uncut.correlate(job_range), ~open_below.correlate(job_range))
    return and_(job_range.c.next < job_range.c.hi, or_(~job_range.c.barrier, begun, clear))


def has_cuttable(job_id: Any, *conditions: Any) -> Any:
    """SQL: some of the job's units may be cut now; `conditions` are on `job_range`."""
    return exists().where(job_range.c.job_id == job_id, is_cuttable(), *conditions)


def has_uncut(job_id: Any) -> Any:
    """SQL: some of the job's units belong to no task yet."""
    return exists().where(job_range.c.job_id == job_id, job_range.c.next < job_range.c.hi)


NOTHING = Outcome()
