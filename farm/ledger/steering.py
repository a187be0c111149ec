"""What a person does to a job: pause, resume, cancel, retry, another priority."""

from typing import Any

from sqlalchemy import Row, delete, func, select, update

from farm.errors import Conflict, NotFound
from farm.ledger.closing import close_if_settled
from farm.ledger.connection import Tx
from farm.ledger.listing import reopen_failed
from farm.ledger.memory import forget_too_large
from farm.ledger.moves import move_job
from farm.ledger.pace import fresh_pace
from farm.ledger.schema import failure, job, task
from farm.ledger.states import TERMINAL_JOB_STATES, JobState, TaskState
from farm.specs.kinds import BACKSTAGE_KINDS

_RETRIED = (TaskState.FAILED.value, TaskState.CANCELLED.value)


def pause(tx: Tx, job_id: int) -> bool:
    """Nothing new of it is claimed; running tasks end, and a job they complete goes on to its finishing."""
    row = _locked(tx, job_id)
    if row.state == JobState.PAUSED:
        return False
    if not move_job(tx, job_id, JobState.PAUSED):
        raise Conflict(f"job {job_id} is {row.state} and cannot be paused")
    return True


def resume(tx: Tx, job_id: int) -> bool:
    row = _locked(tx, job_id)
    if row.state in TERMINAL_JOB_STATES:
        raise Conflict(f"job {job_id} is {row.state}; retry it instead")
    if row.state != JobState.PAUSED:
        return False
    if row.budget_s is not None and row.device_s >= row.budget_s:
        used = f"{row.device_s / 3600:.3g} of the {row.budget_s / 3600:.3g} device hours it may use"
        raise Conflict(f"job {job_id} has used {used}; `farm budget {job_id} HOURS` raises that, then resume it")
    return move_job(tx, job_id, JobState.QUEUED if row.started_at is None else JobState.RUNNING, **fresh_pace(tx))


def cancel(tx: Tx, job_id: int) -> bool:
    """Waiting tasks end now, running ones at their next beat; what was settled stays."""
    row = _locked(tx, job_id)
    if row.state == JobState.CANCELLED:
        return False
    if not move_job(tx, job_id, JobState.CANCELLED, ended_at=tx.now):
        raise Conflict(f"job {job_id} is {row.state} and cannot be cancelled")
    waiting = (task.c.job_id == job_id, task.c.state == TaskState.PENDING.value)
    tx.run(update(task).where(*waiting).values(state=TaskState.CANCELLED.value))
    return True


def retry(tx: Tx, job_id: int) -> int:
    """Quarantined units and cancelled tasks wait again, each as if new, and an ended job goes on.

    Returns how many failed units go again. Raises Conflict while the job is finishing.
    """
    row = _locked(tx, job_id)
    if row.state == JobState.FINISHING:
        raise Conflict(f"job {job_id} is just finishing; try again when it is done")
    failed = _failed(tx, job_id)
    again = (task.c.job_id == job_id, task.c.kind.not_in(BACKSTAGE_KINDS), task.c.state.in_(_RETRIED))
    fresh = {
        "state": TaskState.PENDING.value, "failures": 0, "losses": 0, "not_before": 0.0, "avoid": None,
        "avoid_until": None, "alone_on": None, "suspects": [], "raised": {}, "worker": None,
    }  # fmt: skip
    tx.run(update(task).where(*again).values(**fresh))
    forget_too_large(tx, job_id)
    reopen_failed(tx, job_id)
    quarantined = tx.run(delete(failure).where(failure.c.job_id == job_id)).rowcount
    tx.run(update(job).where(job.c.id == job_id).values(failed=job.c.failed - quarantined))
    if row.state in (JobState.FAILED, JobState.CANCELLED) or (row.state == JobState.DONE and failed):
        move_job(tx, job_id, JobState.QUEUED, error=None, ended_at=None, **fresh_pace(tx))
        close_if_settled(tx, job_id, kind=row.kind, state=JobState.QUEUED)
    return failed


def set_priority(tx: Tx, job_id: int, priority: int) -> bool:
    """Higher is sooner, from the next claim on."""
    _locked(tx, job_id)
    changed = (
        update(job).where(job.c.id == job_id, job.c.priority != priority).values(priority=priority, rank=-priority)
    )
    return tx.run(changed).rowcount == 1


def set_budget(tx: Tx, job_id: int, budget_s: float | None) -> bool:
    """How many device seconds it may use in all; None: any number. A job that its budget paused waits for `resume`.

    False where it was so before.
    """
    row = _locked(tx, job_id)
    if row.state in TERMINAL_JOB_STATES:
        raise Conflict(f"job {job_id} is {row.state}; a budget changes nothing any more")
    tx.run(update(job).where(job.c.id == job_id).values(budget_s=budget_s))
    return bool(row.budget_s != budget_s)


def _locked(tx: Tx, job_id: int) -> Row[Any]:
    columns = (job.c.kind, job.c.state, job.c.started_at, job.c.device_s, job.c.budget_s)
    row = tx.run(select(*columns).where(job.c.id == job_id).with_for_update()).one_or_none()
    if row is None:
        raise NotFound(f"there is no job {job_id}")
    if row.state == JobState.DELETED:
        raise Conflict(f"job {job_id} is deleted; submit another one")
    return row


def _failed(tx: Tx, job_id: int) -> int:
    """Tasks given up, each one unit or one slice; a failed finishing is not counted, it is done anew."""
    given_up = (task.c.job_id == job_id, task.c.state == TaskState.FAILED.value, task.c.kind.not_in(BACKSTAGE_KINDS))
    return int(tx.run(select(func.count()).select_from(task).where(*given_up)).scalar_one())
