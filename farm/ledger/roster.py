"""Who could do the work now: the live workers a claim compares itself with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, String, and_, bindparam, case, cast, func, select, true

from farm.ledger.connection import Tx
from farm.ledger.schema import worker
from farm.specs.kinds import QUEUE_OF, QUEUES


@dataclass(frozen=True, kw_only=True)
class Roster:
    """The worker that asks, and how many others serve each queue: live, willing, with so many slots together."""

    me: Row[Any]
    workers: Mapping[str, int]
    others_slots: Mapping[str, int]

    @property
    def memory_bytes(self) -> int | None:
        """Of this worker's device, where it says."""
        found: int | None = self.me.memory_bytes
        return found

    def others_serve(self, queue: str) -> bool:
        return self.workers.get(queue, 0) > 0

    def slots(self, queue: str) -> int:
        """Slots that share the queue's work, this worker's included."""
        return max(1, int(self.me.slots)) + self.others_slots.get(queue, 0)

    def rate(self, key: str) -> float | None:
        """Units a second this worker measured for such work, or None."""
        return rate_of(self.me.rates, key)


def rate_of(rates: Mapping[str, float] | None, key: str) -> float | None:
    """Units a second a worker with these rates measured for such work, or None."""
    found = (rates or {}).get(key, 0.0)
    return float(found) if found > 0 else None


def roster(tx: Tx, name: str) -> Roster | None:
    """None where the worker is not registered or is draining.

    The others are added up by the database: reading a thousand rows would take a claim most of its time.
    """
    me = tx.run(tx.built("roster", lambda: _beside_others(tx)), {"me": name}).one_or_none()
    if me is None or me.draining:
        return None
    return Roster(
        me=me,
        workers={queue: int(me._mapping[f"workers_{queue}"]) for queue in QUEUES},
        others_slots={queue: int(me._mapping[f"slots_{queue}"]) for queue in QUEUES},
    )


def _beside_others(tx: Tx) -> Select[Any]:
    """The worker `me`, and sums over the others."""
    away = (func.coalesce(worker.c.leave_until, 0.0) > tx.now).label("away")
    others = worker.alias()
    sums: list[Any] = []
    for queue in QUEUES:
        here = serves(queue, others)
        sums.append(func.coalesce(func.sum(case((here, 1), else_=0)), 0).label(f"workers_{queue}"))
        sums.append(func.coalesce(func.sum(case((here, others.c.slots), else_=0)), 0).label(f"slots_{queue}"))
    name: ColumnElement[str] = bindparam("me")
    added = select(*sums).where(live_and_willing(tx, others), others.c.name != name).subquery()
    beside = worker.join(added, true())
    return select(worker, away, added).select_from(beside).where(worker.c.name == name)


def live_and_willing(tx: Tx, of: Any = worker) -> ColumnElement[bool]:
    """SQL: this row is of a worker that was seen lately, is not on leave and does not drain."""
    away = func.coalesce(of.c.leave_until, 0.0) > tx.now
    return and_(of.c.seen_at > tx.now - tx.limits.live_s, ~away, ~of.c.draining)


def serves(queue: str, of: Any = worker) -> ColumnElement[bool]:
    """SQL: this row is of a worker that serves this queue."""
    return cast(of.c.kinds, String).contains(f'"{queue}"')


def willing(of: Roster, queues: Sequence[str]) -> list[str]:
    """The queues this worker may claim from; on leave, only those no other live worker serves."""
    return [queue for queue in queues if not (of.me.away and of.others_serve(queue))]


def kinds_of(queues: Sequence[str]) -> list[str]:
    """The kinds of task these queues serve."""
    return [kind for kind, queue in QUEUE_OF.items() if queue in queues]


def another_is_live(tx: Tx, kind: str, name: str | None) -> bool:
    """True where a worker other than `name` is live, willing and serves this kind of task."""
    query = select(worker.c.name).where(live_and_willing(tx), serves(QUEUE_OF[kind]), worker.c.name != (name or ""))
    return tx.run(query.limit(1)).first() is not None
