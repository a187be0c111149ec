"""Who could do the work now: the live workers a claim compares itself with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, func, select

from farm.ledger.connection import Tx
from farm.ledger.schema import worker
from farm.specs.kinds import QUEUE_OF


@dataclass(frozen=True, kw_only=True)
class Roster:
    """The worker that asks, and every other one that is live and willing."""

    me: Row[Any]
    others: Sequence[Row[Any]]

    def others_serve(self, queue: str) -> bool:
        return any(queue in other.kinds for other in self.others)

    def slots(self, queue: str) -> int:
        """Slots that share the queue's work, this worker's included."""
        return int(max(1, self.me.slots) + sum(other.slots for other in self.others if queue in other.kinds))

    def rate(self, name: str | None, key: str) -> float | None:
        """Units a second this worker measured for such work, or None."""
        for row in (self.me, *self.others):
            if row.name == name and row.rates.get(key, 0) > 0:
                return float(row.rates[key])
        return None


def roster(tx: Tx, name: str) -> Roster | None:
    """None where the worker is not registered or is draining."""
    live = worker.c.seen_at > tx.now - tx.limits.live_s
    away = (func.coalesce(worker.c.leave_until, 0.0) > tx.now).label("away")
    rows = tx.run(select(worker, away).where(live | (worker.c.name == name))).all()
    me = next((row for row in rows if row.name == name), None)
    if me is None or me.draining:
        return None
    others = [row for row in rows if row.name != name and not row.draining and not row.away]
    return Roster(me=me, others=others)


def willing(of: Roster, queues: Sequence[str]) -> list[str]:
    """The queues this worker may claim from; on leave, only those no other live worker serves."""
    return [queue for queue in queues if not (of.me.away and of.others_serve(queue))]


def kinds_of(queues: Sequence[str]) -> list[str]:
    """The kinds of task these queues serve."""
    return [kind for kind, queue in QUEUE_OF.items() if queue in queues]


def another_is_live(tx: Tx, kind: str, name: str | None) -> bool:
    """True where a worker other than `name` is live, willing and serves this kind of task."""
    live = worker.c.seen_at > tx.now - tx.limits.live_s
    away = func.coalesce(worker.c.leave_until, 0.0) > tx.now
    query = select(worker.c.kinds).where(live, ~away, ~worker.c.draining, worker.c.name != (name or ""))
    return any(QUEUE_OF[kind] in row.kinds for row in tx.run(query))
