"""One ticker at a time, by a database lock that a dead ticker does not keep."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import text, update
from sqlalchemy.exc import SQLAlchemyError

from farm.ledger.connection import Database, Tx
from farm.ledger.schema import lock

TICK_LOCK = 0x6661_726D_0002
"""Postgres advisory lock; the end of its transaction frees it, and so does the end of its session."""
_NAME = "tick"


@contextmanager
def tick_lock(database: Database) -> Iterator[bool]:
    """True inside for one holder at a time, at once and without waiting."""
    if database.is_sqlite:
        with _lease(database) as held:
            yield held
    else:
        with _advisory(database) as held:
            yield held


@contextmanager
def _advisory(database: Database) -> Iterator[bool]:
    # The lock of a transaction, not of a session: a ticker that stands still, with its machine or by itself, is cut
    # off as every idle transaction is, and does not keep the others from ticking.
    try:
        connection = database.engine.connect()
        held = bool(connection.execute(text("SELECT pg_try_advisory_xact_lock(:id)"), {"id": TICK_LOCK}).scalar())
    except SQLAlchemyError as error:
        raise database.away(error) from error
    try:
        yield held
    finally:
        # Where the session is gone, so is its lock.
        with suppress(SQLAlchemyError):
            connection.rollback()
        connection.close()


@contextmanager
def _lease(database: Database) -> Iterator[bool]:
    holder = uuid.uuid4().hex
    held = database.write("tick_lock", lambda tx: _take(tx, holder))
    try:
        yield held
    finally:
        if held:
            database.write("tick_unlock", lambda tx: _give(tx, holder))


def _take(tx: Tx, holder: str) -> bool:
    until = tx.now + tx.limits.tick_lease_s
    statement = tx.upsert(lock).values(name=_NAME, holder=holder, until=until)
    taken = {"holder": holder, "until": until}
    free = lock.c.until <= tx.now
    return tx.run(statement.on_conflict_do_update(index_elements=["name"], set_=taken, where=free)).rowcount == 1


def _give(tx: Tx, holder: str) -> None:
    tx.run(update(lock).where(lock.c.name == _NAME, lock.c.holder == holder).values(until=0.0))
