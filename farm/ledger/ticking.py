"""One ticker at a time, by a database lock that a dead ticker does not keep."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import exists, select, text, update
from sqlalchemy.exc import SQLAlchemyError

from farm.ledger.connection import Database, Tx
from farm.ledger.schema import lock

TICK_LOCK = 0x6661_726D_0002
"""Postgres advisory lock; the end of its transaction frees it, and so does the end of its session."""
_NAME = "tick"


@contextmanager
def tick_lock(database: Database, *, every_s: float = 0.0) -> Iterator[bool]:
    """True inside for one holder at a time, at once and without waiting; False too within `every_s` of the last one.

    So a farm of a thousand processes ticks as often as a farm of two: who finds that another has just ticked has read
    one row.
    """
    if every_s and database.read(_is_too_soon):
        yield False
        return
    with _lease(database, every_s) if database.is_sqlite else _advisory(database, every_s) as held:
        yield held


def _is_too_soon(tx: Tx) -> bool:
    return bool(tx.run(select(exists().where(lock.c.name == _NAME, lock.c.until > tx.now))).scalar())


@contextmanager
def _advisory(database: Database, every_s: float) -> Iterator[bool]:
    # The lock of a transaction, not of a session: a ticker that stands still, with its machine or by itself, is cut
    # off as every idle transaction is, and does not keep the others from ticking.
    try:
        connection = database.engine.connect()
        held = bool(connection.execute(text("SELECT pg_try_advisory_xact_lock(:id)"), {"id": TICK_LOCK}).scalar())
    except SQLAlchemyError as error:
        raise database.away(error) from error
    try:
        if held and every_s:
            # Asked again: another may have ticked since. Who waits for nothing else need not look at the row.
            held = not database.read(_is_too_soon)
            if held:
                database.write("ticked", lambda tx: _note(tx, every_s))
        yield held
    finally:
        # Where the session is gone, so is its lock.
        with suppress(SQLAlchemyError):
            connection.rollback()
        connection.close()


@contextmanager
def _lease(database: Database, every_s: float) -> Iterator[bool]:
    holder = uuid.uuid4().hex
    held = database.write("tick_lock", lambda tx: _take(tx, holder))
    try:
        yield held
    finally:
        if held:
            database.write("tick_unlock", lambda tx: _give(tx, holder, every_s))


def _take(tx: Tx, holder: str) -> bool:
    until = tx.now + tx.limits.tick_lease_s
    statement = tx.upsert(lock).values(name=_NAME, holder=holder, until=until)
    taken = {"holder": holder, "until": until}
    free = lock.c.until <= tx.now
    return tx.run(statement.on_conflict_do_update(index_elements=["name"], set_=taken, where=free)).rowcount == 1


def _give(tx: Tx, holder: str, every_s: float) -> None:
    # From when it was taken on, not from now: a tick may take a while.
    until = lock.c.until - tx.limits.tick_lease_s + every_s if every_s else 0.0
    tx.run(update(lock).where(lock.c.name == _NAME, lock.c.holder == holder).values(until=until))


def _note(tx: Tx, every_s: float) -> None:
    """Postgres: nobody ticks again before `every_s` is over; who ticks is the advisory lock's affair."""
    values = {"holder": "", "until": tx.now + every_s}
    statement = tx.upsert(lock).values(name=_NAME, **values)
    tx.run(statement.on_conflict_do_update(index_elements=["name"], set_=values))
