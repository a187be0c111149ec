"""What a beat, a finish, a release or a failure says about units, brought into the rows.

A unit that raised inside a larger task is carved out: what lies before it is done, it becomes a task of its own that
is tried alone, and the task goes on behind it. Until the cursor has passed it, it is remembered on the row (`raised`).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Row, update

from farm.ledger.connection import Tx
from farm.ledger.cutting import insert_tasks, split_off
from farm.ledger.history import keep_history
from farm.ledger.holding import BEAT_MOVES_CURSOR, Held
from farm.ledger.pace import pace_after
from farm.ledger.portraits import keep_portraits
from farm.ledger.roster import another_is_live
from farm.ledger.rows import Progress
from farm.ledger.saying import keep_said
from farm.ledger.schema import job, worker
from farm.ledger.states import TaskState

RATES_KEPT = 16
"""Rates of the last so many kinds of work are kept per worker."""


@dataclass(frozen=True, kw_only=True)
class Settled:
    """Where the task stands after the progress: its new bounds, and the units that raised and are still ahead."""

    lo: int
    cursor: int
    raised: dict[str, str]
    units: int
    """How many units this progress settled."""
    output: Mapping[str, Any] | None = None
    """The attempt's output, unless a done part carries it already."""
    stored: tuple[int, ...] = ()
    """Bytes of each portrait that was stored anew."""

    @property
    def values(self) -> dict[str, Any]:
        return {"lo": self.lo, "cursor": self.cursor, "raised": self.raised}


def settle(tx: Tx, held: Held, progress: Progress, *, ends: bool, output: Mapping[str, Any] | None = None) -> Settled:
    """Writes portraits, carved tasks, the job's counter and the worker's rate; the caller writes the task's row.

    ends: this is a finish or a release, which brings along what the units leave; a mere beat moves the cursor of
    those kinds only whose units stand for themselves.
    """
    row = held.task
    keep_said(tx, row, progress.said)
    # Those of an earlier epoch are of units behind a stolen tail, or this progress would not have been taken.
    current = [portrait for portrait in progress.portraits if portrait.epoch == held.epoch]
    stored = keep_portraits(tx, current, worker=row.worker, owner=held.owner)
    cursor = row.cursor
    if ends or row.kind in BEAT_MOVES_CURSOR:
        cursor = min(max(row.cursor, progress.cursor), row.hi)
    raised = dict(row.raised)
    raised.update({str(f.unit): f.error for f in progress.failures if row.cursor <= f.unit < row.hi})
    # The last unit has nothing behind it to go on with; it is decided when the attempt ends.
    if str(row.hi - 1) in raised:
        cursor = min(cursor, row.hi - 1)
    passed = sorted(unit for unit in map(int, raised) if unit < cursor)
    lo, output = _carve(tx, held, passed, raised, output=output)
    settled = Settled(
        lo=lo,
        cursor=cursor,
        raised={unit: error for unit, error in raised.items() if cursor <= int(unit) < row.hi},
        units=cursor - row.cursor - len(passed),
        output=output,
        stored=tuple(stored),
    )
    count(tx, held, settled.units, seconds=held.unpaid_s)
    _keep_rate(tx, held, progress)
    if ends and progress.work is not None:
        keep_history(tx, held, progress.work)
    return settled


def count(tx: Tx, held: Held, units: int, *, failed: int = 0, seconds: float = 0.0) -> None:
    """Adds settled and quarantined units, and device seconds, to the job's counters."""
    values: dict[str, Any] = {"device_s": job.c.device_s + seconds} if seconds else {}
    if held.counts and (units or failed):
        values |= {"done": job.c.done + units, "failed": job.c.failed + failed, **pace_after(tx, held, units + failed)}
    if values:
        tx.run(update(job).where(job.c.id == held.job_id).values(**values))


def after(held: Held, settled: Settled, *, failed: int = 0) -> Held:
    """`held` with the counter as this transaction left it."""
    return replace(held, settled=held.settled + failed + (settled.units if held.counts else 0))


def split_settled(tx: Tx, row: Row[Any], lo: int, cursor: int, *, output: Any = None) -> None:
    """Keeps what is settled of a task that goes on behind `cursor` as a done row of its own."""
    if cursor > lo:
        values = {"cursor": cursor, "state": TaskState.DONE.value, "attempt": row.attempt, "worker": row.worker}
        insert_tasks(tx, [split_off(row, lo, cursor, output=output, **values)])


def _carve(
    tx: Tx, held: Held, units: list[int], raised: dict[str, str], *, output: Mapping[str, Any] | None
) -> tuple[int, Mapping[str, Any] | None]:
    """Returns where the task begins now, and the output unless the first done part took it."""
    row, lo = held.task, int(held.task.lo)
    if not units:
        return lo, output
    for unit in units:
        split_settled(tx, row, lo, unit, output=output)
        output = None if unit > lo else output
        lo = unit + 1
    avoid = avoiding(tx, row.kind, row.worker)
    suspects = sorted({*row.suspects, row.worker})
    values = {"state": held.rest.value, "failures": 1, "suspects": suspects, **avoid}
    pieces = [split_off(row, unit, unit + 1, error=raised[str(unit)], **values) for unit in units]
    insert_tasks(tx, pieces)
    return lo, output


def avoiding(tx: Tx, kind: str, name: str | None) -> dict[str, Any]:
    """Row values that keep a task for another worker for a while, if there is one."""
    if not another_is_live(tx, kind, name):
        return {"avoid": None, "avoid_until": None}
    return {"avoid": name, "avoid_until": tx.now + tx.limits.avoid_s}


def _keep_rate(tx: Tx, held: Held, progress: Progress) -> None:
    """The worker's rate for such work, written when it changed by more than a twentieth.

    An exponentially weighted mean over time: what was measured half a task ago and longer counts about a third, so
    that a device that throttles, or shares its machine, is known for what it does within one task.
    """
    known, rate = held.rates.get(held.task.rate_key, 0.0), progress.rate
    if rate is None or rate <= 0:
        return
    if known > 0 and progress.rate_s is not None:
        weight = 1 - math.exp(-2 * progress.rate_s / tx.limits.task_target_s)
        rate = known + weight * (rate - known)
    if abs(rate - known) <= 0.05 * rate:
        return
    # The newest goes last, so that the kinds of work measured longest ago are the ones forgotten.
    others = [(key, value) for key, value in held.rates.items() if key != held.task.rate_key]
    rates = dict([*others, (held.task.rate_key, rate)][-RATES_KEPT:])
    tx.run(update(worker).where(worker.c.name == held.task.worker).values(rates=rates))
