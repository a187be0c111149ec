"""What happens to a task that raised or whose lease ran out: again, halved, or given up."""

from typing import Any

from sqlalchemy import insert

from farm.ledger.closing import close_after
from farm.ledger.connection import Tx
from farm.ledger.cutting import insert_tasks, split_off
from farm.ledger.fencing import hold_for
from farm.ledger.holding import Held, halvable
from farm.ledger.moves import move_job, move_task
from farm.ledger.paying import pay
from farm.ledger.roster import another_is_live
from farm.ledger.rows import Progress, Said
from farm.ledger.saying import LAST_WORD, LEASES_LOST, count_up, keep_said
from farm.ledger.schema import failure
from farm.ledger.settling import Settled, after, avoiding, count, settle, split_settled
from farm.ledger.states import JobState, TaskState
from farm.specs.kinds import FINALISED_KINDS, LIST, SEQUENTIAL_KINDS, WHOLE_KINDS


def fail(tx: Tx, task_id: int, attempt: int, progress: Progress, error: str) -> bool:
    """The attempt raised. False where it did not own the task any more."""
    held = hold_for(tx, task_id, attempt, progress)
    if held is None:
        return False
    settled = settle(tx, held, progress, ends=False)
    _raised(tx, held, settled, error)
    pay(tx, held, settled)
    return True


def lose(tx: Tx, held: Held) -> None:
    """The attempt's lease ran out."""
    row = held.task
    count_up(tx, LEASES_LOST)
    keep_said(tx, row, [Said(seq=LAST_WORD, ago_s=0.0, level="error", text=f"lost: {row.worker} fell silent")])
    settled = Settled(lo=row.lo, cursor=row.cursor, raised={}, units=0)
    if _ended_otherwise(tx, held, settled, row.error):
        return
    losses = row.losses + 1
    error = f"lost {losses} times: its worker ({row.worker}) fell silent"
    values = {"losses": losses, "error": error, **avoiding(tx, row.kind, row.worker)}
    limit = tx.limits.losses_of_slice if row.kind in SEQUENTIAL_KINDS else tx.limits.losses_to_halve
    _again(tx, held, settled, values, tried=losses, limit=limit)


def unit_failed(tx: Tx, held: Held, settled: Settled, error: str, *, output: Any = None) -> JobState:
    """Only the task's last unit is left, and it raised. Returns the job's state afterwards."""
    split_settled(tx, held.task, settled.lo, settled.cursor, output=output)
    rest = Settled(lo=settled.cursor, cursor=settled.cursor, raised={}, units=settled.units)
    return _raised(tx, held, rest, error)


def _raised(tx: Tx, held: Held, settled: Settled, error: str) -> JobState:
    row = held.task
    ended = _ended_otherwise(tx, held, settled, error)
    if ended is not None:
        return ended
    failures = row.failures + 1
    values = {
        "failures": failures,
        "error": error,
        "not_before": tx.now + tx.limits.retry_s * 2 ** min(failures - 1, 8),
        "suspects": sorted({*row.suspects, row.worker}),
        **avoiding(tx, row.kind, row.worker),
    }
    return _again(tx, held, settled, values, tried=failures, limit=tx.limits.failures_to_halve)


def _ended_otherwise(tx: Tx, held: Held, settled: Settled, error: str | None) -> JobState | None:
    """Ends a task of a cancelled job, and one whose every unit is settled although its attempt did not end well."""
    row = held.task
    if settled.cursor == row.hi:
        move_task(tx, row.id, row.attempt, TaskState.DONE, **settled.values, error=error)
        return close_after(tx, after(held, settled))
    if held.rest is TaskState.CANCELLED:
        values = {**settled.values, "raised": {}, "error": error}
        move_task(tx, row.id, row.attempt, TaskState.CANCELLED, **values)
        return held.job_state
    return None


def _again(tx: Tx, held: Held, settled: Settled, values: dict[str, Any], *, tried: int, limit: int) -> JobState:
    """Pending once more, halved from the limit on; a unit that was tried alone often enough is given up."""
    row = held.task
    whole = not halvable(row.kind)
    alone = whole or row.hi - row.claimed_from == 1
    values = {**settled.values, **values, "raised": {}, "worker": None}
    if alone:
        if _is_condemned(tx, row, tried=tried, limit=limit):
            return _give_up(tx, held, settled, values)
        values["alone_on"] = row.alone_on or row.worker
    elif tried >= limit and row.hi - settled.cursor > 1:
        middle = settled.cursor + (row.hi - settled.cursor) // 2
        kept = {
            name: values[name] for name in ("not_before", "suspects", "avoid", "avoid_until", "error") if name in values
        }
        counter = "losses" if "losses" in values else "failures"
        insert_tasks(tx, [split_off(row, middle, row.hi, **kept, **_still(counter, row.hi - middle, limit))])
        values = {**values, "hi": middle, "failures": 0, "losses": 0, **_still(counter, middle - settled.cursor, limit)}
    move_task(tx, row.id, row.attempt, TaskState.PENDING, **values)
    return held.job_state


def _still(counter: str, units: int, limit: int) -> dict[str, int]:
    """What a half is said to have gone through: the next fault halves it again, and a single unit has two tries alone.

    One fault of it all may be the machine's; a part of what broke workers to the limit is watched more closely.
    """
    return {counter: limit - 1 if units > 1 else max(0, limit - 2)}


def _is_condemned(tx: Tx, row: Any, *, tried: int, limit: int) -> bool:
    """Tried to the limit, and on two workers where there are two; or so often that no second one will come."""
    if tried < limit:
        return False
    if row.alone_on not in (None, row.worker) or tried >= max(limit, tx.limits.tries_at_most):
        return True
    return not another_is_live(tx, row.kind, row.worker)


def _give_up(tx: Tx, held: Held, settled: Settled, values: dict[str, Any]) -> JobState:
    """Quarantines the single unit, or fails the job whose only task, slice or finishing this was."""
    row = held.task
    if row.kind == LIST:
        move_task(tx, row.id, row.attempt, TaskState.FAILED, **{**values, "worker": row.worker})
        return close_after(tx, held)  # the finalise task writes what it did not
    if row.kind not in FINALISED_KINDS or row.kind in WHOLE_KINDS:
        move_task(tx, row.id, row.attempt, TaskState.FAILED, **{**values, "worker": row.worker})
        move_job(tx, held.job_id, JobState.FAILED, error=values["error"], ended_at=tx.now)
        return JobState.FAILED
    split_settled(tx, row, settled.lo, settled.cursor)
    values = {**values, "lo": settled.cursor, "worker": row.worker}
    move_task(tx, row.id, row.attempt, TaskState.FAILED, **values)
    attempts = values.get("failures", row.failures) + values.get("losses", row.losses)
    unit = {"job_id": held.job_id, "unit": settled.cursor, "error": values["error"] or "", "attempts": attempts}
    tx.run(insert(failure).values(**unit))
    count(tx, held, 0, failed=1)
    return close_after(tx, after(held, settled, failed=1))
