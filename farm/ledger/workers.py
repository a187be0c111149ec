"""Workers come, are seen, drain and go; who keeps failing what others complete rests for a while."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, case, delete, select, update

from farm.ledger.connection import Tx
from farm.ledger.holding import Held
from farm.ledger.rows import Worker
from farm.ledger.schema import task, worker
from farm.ledger.states import TaskState


def register_worker(tx: Tx, who: Worker) -> None:
    """Adds a worker, or brings a known one up to date: no longer draining; its rates and leave stay."""
    fresh = {
        "kinds": list(who.kinds), "device": who.device, "render_class": who.render_class, "slots": who.slots,
        "draining": False, "memory_bytes": who.memory_bytes,
    }  # fmt: skip
    statement = tx.upsert(worker).values(name=who.name, strikes=0, rates=dict(who.rates), seen_at=tx.now, **fresh)
    tx.run(
        statement.on_conflict_do_update(index_elements=["name"], set_={**fresh, "seen_at": statement.excluded.seen_at})
    )


def worker_seen(tx: Tx, name: str) -> bool:
    """Notes that the worker lives; True where it is draining or unknown, so that it claims nothing."""
    seen = update(worker).where(worker.c.name == name).values(seen_at=tx.now).returning(worker.c.draining)
    draining = tx.run(seen).scalar_one_or_none()
    return True if draining is None else bool(draining)


def drain_worker(tx: Tx, name: str) -> bool:
    """It claims nothing more and learns at its next beat to give work back. False: draining before, or unknown."""
    statement = update(worker).where(worker.c.name == name, worker.c.draining.is_(False)).values(draining=True)
    return tx.run(statement).rowcount == 1


def unregister_worker(tx: Tx, name: str) -> bool:
    """Forgets a worker that ended. Its running tasks keep their leases."""
    return tx.run(delete(worker).where(worker.c.name == name)).rowcount == 1


def abandon(tx: Tx, name: str) -> int:
    """Ends the leases of everything this worker owned, where its start shows that nothing of it runs any more.

    The next tick takes the tasks as lost; the fence keeps out whatever did survive. Returns how many.
    """
    owned = (task.c.worker == name, task.c.state == TaskState.RUNNING.value)
    return tx.run(update(task).where(*owned).values(lease_until=tx.now)).rowcount


def workers(tx: Tx, *, live: bool) -> list[Worker]:
    """By name; with `live` only those seen within `live_s`."""
    query = select(worker).order_by(worker.c.name)
    if live:
        query = query.where(worker.c.seen_at > tx.now - tx.limits.live_s)
    return [_worker_of(row) for row in tx.run(query)]


def judge(tx: Tx, held: Held) -> None:
    """This worker completed what others failed on: a strike for each of them, and one of its own forgiven."""
    own, suspects = held.task.worker, sorted(set(held.task.suspects) - {held.task.worker})
    if suspects:
        _strike(tx, suspects)
    if held.strikes > 0:
        tx.run(update(worker).where(worker.c.name == own, worker.c.strikes > 0).values(strikes=worker.c.strikes - 1))


def _strike(tx: Tx, names: Sequence[str]) -> None:
    struck = worker.c.strikes + 1
    full = struck >= tx.limits.strikes_to_leave
    values = {
        "leave_until": case((full, tx.now + tx.limits.leave_s), else_=worker.c.leave_until),
        "strikes": case((full, 0), else_=struck),
    }
    tx.run(update(worker).where(worker.c.name.in_(names)).values(**values))


def _worker_of(row: Row[Any]) -> Worker:
    return Worker(
        name=row.name, kinds=tuple(row.kinds), device=row.device, render_class=row.render_class, slots=row.slots,
        draining=row.draining, seen_at=row.seen_at, leave_until=row.leave_until, rates=dict(row.rates),
        memory_bytes=row.memory_bytes,
    )  # fmt: skip
