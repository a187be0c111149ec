"""How long each class of work took on each kind of device: sums that every ended task adds to, for estimates."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import case, select

from farm.ledger.connection import Tx
from farm.ledger.holding import Held
from farm.ledger.rows import Work
from farm.ledger.schema import history

KEPT_S = 7 * 86400.0
"""What is so old weighs half of what is new."""
_SUMS = ("tasks", "units", "busy_s", "log_s", "log_s2", "size_bytes")


@dataclass(frozen=True, kw_only=True)
class Pace:
    """A class of work on a kind of device, as its tasks went: so many, recent ones weighing more."""

    rate_key: str
    device: str
    tasks: float
    units: float
    seconds_a_unit: float
    spread: float
    """Standard deviation of the natural logarithm of a task's seconds a unit, each task weighted by its units."""
    bytes_a_unit: float


def device_kind(render_class: str) -> str:
    """The model of a device, without the libraries that drive it: the first part of its render class."""
    return render_class.partition(";")[0].strip()[:255]


def keep_history(tx: Tx, held: Held, work: Work) -> None:
    """One row, whatever came before: what is there shrinks with time, and the attempt is added."""
    if work.units <= 0 or work.seconds <= 0:
        return
    log_s = math.log(work.seconds / work.units)
    added = (1.0, work.units, work.seconds, work.units * log_s, work.units * log_s**2, work.size_bytes)
    statement = tx.upsert(history).values(
        rate_key=held.task.rate_key,
        device=device_kind(held.render_class),
        updated_at=tx.now,
        **dict(zip(_SUMS, map(float, added), strict=True)),
    )
    passed = statement.excluded.updated_at - history.c.updated_at
    kept = KEPT_S / (KEPT_S + case((passed > 0, passed), else_=0.0))
    sums: dict[str, Any] = {name: history.c[name] * kept + statement.excluded[name] for name in _SUMS}
    sums["updated_at"] = statement.excluded.updated_at
    tx.run(statement.on_conflict_do_update(index_elements=["rate_key", "device"], set_=sums))


def paces(tx: Tx, rate_keys: Sequence[str] = (), *, like: str | None = None) -> list[Pace]:
    """Of these classes, or of those whose name is like this pattern, by class and device."""
    query = select(history).order_by(history.c.rate_key, history.c.device)
    wanted = history.c.rate_key.in_(rate_keys) if like is None else history.c.rate_key.like(like)
    return [_pace(row) for row in tx.run(query.where(wanted, history.c.units > 0))]


def _pace(row: Any) -> Pace:
    mean = row.log_s / row.units
    return Pace(
        rate_key=row.rate_key,
        device=row.device,
        tasks=row.tasks,
        units=row.units,
        seconds_a_unit=row.busy_s / row.units,
        spread=math.sqrt(max(0.0, row.log_s2 / row.units - mean**2)),
        bytes_a_unit=row.size_bytes / row.units,
    )
