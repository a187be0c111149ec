"""How fast a job goes just now: two marks on its row, moved with its counters.

The newer mark is set again once it is PACE_S old, and the older one takes its place; the rate counts from the older.
So it looks back one to two PACE_S, and forgets a slow beginning, a pause, or a worker that has left.
"""

from typing import Any

from sqlalchemy import Row, case, func, null, or_

from farm.ledger.connection import Tx
from farm.ledger.schema import job

PACE_S = 60.0


def pace_after(tx: Tx, settled: int) -> dict[str, Any]:
    """Values for a job's row when `settled` more units are settled."""
    due = or_(job.c.mark_at.is_(None), job.c.mark_at < tx.now - PACE_S)
    now_units = job.c.done + job.c.failed + settled
    return {
        "pace_at": case((due, func.coalesce(job.c.mark_at, job.c.started_at, tx.now)), else_=job.c.pace_at),
        "pace_units": case((due, func.coalesce(job.c.mark_units, 0)), else_=job.c.pace_units),
        "mark_at": case((due, tx.now), else_=job.c.mark_at),
        "mark_units": case((due, now_units), else_=job.c.mark_units),
    }


def fresh_pace(tx: Tx) -> dict[str, Any]:
    """Values for the row of a job that goes on after it stood still."""
    return {
        "pace_at": null(), "pace_units": null(), "mark_at": tx.now, "mark_units": job.c.done + job.c.failed,
    }  # fmt: skip


def pace_of(row: Row[Any]) -> tuple[float | None, int]:
    """From when, and from how many settled units, the rate of a job counts."""
    if row.pace_at is not None:
        return row.pace_at, int(row.pace_units or 0)
    if row.mark_at is not None:
        return row.mark_at, int(row.mark_units or 0)
    return row.started_at, 0
