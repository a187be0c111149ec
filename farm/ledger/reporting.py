"""Beat, finish and release: a task's owner reports."""

from dataclasses import replace

from sqlalchemy import update

from farm.errors import WorkFailed
from farm.ledger.closing import close_after
from farm.ledger.connection import Tx
from farm.ledger.failing import unit_failed
from farm.ledger.fencing import hold_for
from farm.ledger.holding import NOTHING, Held
from farm.ledger.listing import list_settled
from farm.ledger.moves import move_task
from farm.ledger.outcomes import keep_outcome
from farm.ledger.paying import pay
from farm.ledger.rows import BeatReply, Outcome, Progress
from farm.ledger.schema import task
from farm.ledger.settling import Settled, after, settle, split_settled
from farm.ledger.states import JobState, TaskState
from farm.ledger.workers import judge
from farm.ledger.yielding import wanted_back

LOST = BeatReply(owned=False)


def beat(tx: Tx, task_id: int, attempt: int, progress: Progress) -> BeatReply:
    """Takes progress in and renews the lease."""
    held = hold_for(tx, task_id, attempt, progress)
    if held is None:
        return LOST
    settled = settle(tx, held, progress, ends=False)
    values = {**settled.values, "lease_until": tx.now + tx.limits.lease_s}
    if progress.units_done is not None:
        values["units_done"] = progress.units_done
    if settled.cursor > held.task.cursor or values.get("units_done") != held.task.units_done:
        values["progress_at"] = tx.now
    back = wanted_back(tx, held, settled)
    if back:
        values["yield_attempt"] = attempt
    tx.run(update(task).where(task.c.id == task_id, task.c.attempt == attempt).values(**values))
    pay(tx, held, settled)
    return replace(_reply(held, held.job_state), give_back=back)


def finish(tx: Tx, task_id: int, attempt: int, progress: Progress, outcome: Outcome = NOTHING) -> BeatReply:
    """A last beat, then done. Raises WorkFailed where units are left before `hi`."""
    held = hold_for(tx, task_id, attempt, progress)
    if held is None:
        return LOST
    if progress.cursor < held.task.hi:
        raise WorkFailed(f"task {task_id} is not finished: {progress.cursor} of {held.task.hi}")
    settled = settle(tx, held, progress, ends=True, output=outcome.output)
    state = _end(tx, held, settled, outcome)
    pay(tx, held, settled)
    return _reply(held, state)


def release(tx: Tx, task_id: int, attempt: int, progress: Progress, outcome: Outcome = NOTHING) -> bool:
    """Gives the rest back. Counts neither failure nor loss; a task of an ended job ends instead."""
    held = hold_for(tx, task_id, attempt, progress)
    if held is None:
        return False
    settled = settle(tx, held, progress, ends=True, output=outcome.output)
    row = held.task
    if settled.cursor == row.hi or (progress.cursor >= row.hi and settled.raised):
        _end(tx, held, settled, outcome)
    else:
        keep_outcome(tx, held.job_id, outcome)
        split_settled(tx, row, settled.lo, settled.cursor, output=settled.output)
        move_task(tx, row.id, attempt, held.rest, lo=settled.cursor, cursor=settled.cursor, raised={}, worker=None)
    pay(tx, held, settled)
    return True


def _reply(held: Held, state: JobState) -> BeatReply:
    return BeatReply(owned=True, hi=held.task.hi, job_state=state, draining=held.draining, epoch=held.epoch)


def _end(tx: Tx, held: Held, settled: Settled, outcome: Outcome) -> JobState:
    """The task's last unit is behind it. Returns the job's state afterwards."""
    row = held.task
    keep_outcome(tx, held.job_id, outcome)
    if settled.raised:
        return unit_failed(tx, held, settled, settled.raised[str(row.hi - 1)], output=settled.output)
    values = {**settled.values, "output": settled.output, "progress_at": tx.now}
    move_task(tx, row.id, row.attempt, TaskState.DONE, **values)
    judge(tx, held)
    now = after(held, settled)
    state = close_after(tx, now)
    list_settled(tx, now, state)
    return state
