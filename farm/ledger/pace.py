"""How fast a job goes just now: two marks on its row, moved with its counters.

The newer mark is set again once it is PACE_S old, and the older one takes its place; the rate counts from the older.
So it looks back one to two PACE_S, and forgets a slow beginning, a pause, or a worker that has left.
"""

from typing import Any

from sqlalchemy import Row, func, null

from farm.ledger.connection import Tx
from farm.ledger.holding import Held
from farm.ledger.schema import job

PACE_S = 60.0


def pace_after(tx: Tx, held: Held, settled: int) -> dict[str, Any]:
    """Values for a job's row when `settled` more units are settled: none, but for once in PACE_S."""
    if held.mark_at is not None and held.mark_at > held.now_s - PACE_S:
        return {}
    return {
        "pace_at": func.coalesce(job.c.mark_at, job.c.started_at, tx.now),
        "pace_units": func.coalesce(job.c.mark_units, 0),
        "mark_at": tx.now,
        "mark_units": job.c.done + job.c.failed + settled,
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
