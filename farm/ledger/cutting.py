"""New rows in the task table: cut from a range, split off a task, or the one that finalises."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Row, case, insert, literal, null, or_, select, type_coerce, update

from farm.ledger.connection import Tx
from farm.ledger.holding import has_open_tasks, is_cuttable
from farm.ledger.roster import Roster
from farm.ledger.schema import job_range, task
from farm.ledger.sizing import next_size
from farm.ledger.states import TaskState
from farm.specs.kinds import FINALISE, SEQUENTIAL_KINDS

BATCH = 500
"""Rows a statement, below every driver's limit of parameters."""


def new_task(job_id: int, kind: str, lo: int, hi: int, **values: Any) -> dict[str, Any]:
    """A pending task of units lo … hi - 1 that nobody tried yet, as a row; `values` say what is different."""
    fresh = {
        "job_id": job_id, "kind": kind, "rate_key": kind, "lo": lo, "hi": hi, "cursor": lo,
        "state": TaskState.PENDING.value, "attempt": 0, "failures": 0, "losses": 0, "not_before": 0.0,
        "avoid": None, "avoid_until": None, "suspects": [], "raised": {}, "worker": None, "error": None,
        "output": None,
    }  # fmt: skip
    return {**fresh, **values}


def split_off(of: Row[Any], lo: int, hi: int, **values: Any) -> dict[str, Any]:
    """A part of an existing task as a row of its own; who failed on the whole is suspected for the part."""
    kept = {"rate_key": of.rate_key, "suspects": of.suspects, "not_before": of.not_before}
    return new_task(of.job_id, of.kind, lo, hi, **{**kept, **values})


def insert_tasks(tx: Tx, rows: Sequence[dict[str, Any]]) -> None:
    # One statement a batch and no executemany: values may be SQL, such as the database's clock.
    for start in range(0, len(rows), BATCH):
        tx.run(insert(task).values(list(rows[start : start + BATCH])))


def insert_finalise(tx: Tx, job_id: int) -> None:
    """The one task that writes what a finished job leaves behind."""
    insert_tasks(tx, [new_task(job_id, FINALISE, 0, 1)])


def cut(tx: Tx, of: Row[Any], who: Roster) -> Row[Any] | None:
    """Cuts the next units of a job's first open range into a task that runs on the worker that asks, sized for it.

    The caller holds the job's lock. None: nothing can be cut for it, or the one task a sequential job may have is open.
    """
    sized = next_size(tx, of, who)
    if sized is None:
        return None
    key, size_units = sized
    lo, hi = job_range.c.next, type_coerce(job_range.c.hi, BigInteger)
    # Stored bounds: a literal beside them must not be shifted, hence the coercions.
    start = type_coerce(job_range.c.next, BigInteger)
    end = case((hi - start <= size_units, hi), else_=start + size_units)
    row = {
        "job_id": literal(of.id), "kind": literal(of.kind), "rate_key": literal(key),
        "lo": lo, "hi": end, "cursor": lo, "claimed_from": lo, "state": literal(TaskState.RUNNING.value),
        "attempt": literal(1), "failures": literal(0), "losses": literal(0), "not_before": literal(0.0),
        "suspects": literal([], task.c.suspects.type), "raised": literal({}, task.c.raised.type),
        "worker": literal(who.me.name), "claimed_at": tx.now, "lease_until": tx.now + tx.limits.lease_s,
        "progress_at": tx.now, "units_done": null(),
    }  # fmt: skip
    of_class = or_(job_range.c.rate_key == key, job_range.c.rate_key.is_(None))
    source = select(*row.values()).where(job_range.c.job_id == of.id, of_class, is_cuttable())
    if of.kind in SEQUENTIAL_KINDS:
        source = source.where(~has_open_tasks(of.id))
    source = source.order_by(job_range.c.lo).limit(1)
    made = tx.run(insert(task).from_select(list(row), source).returning(task)).one_or_none()
    if made is not None:
        # An exhausted range may end where this one begins.
        this = (job_range.c.job_id == of.id, job_range.c.next == made.lo, job_range.c.next < job_range.c.hi)
        tx.run(update(job_range).where(*this).values(next=made.hi))
    return made
