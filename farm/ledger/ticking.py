"""One ticker at a time, by a database lock that a dead ticker does not keep."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text, update
from sqlalchemy.exc import SQLAlchemyError

from farm.ledger.connection import Database, Tx, unavailable
from farm.ledger.schema import lock

TICK_LOCK = 0x6661_726D_0002
"""Postgres advisory lock; its session's end frees it."""
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
    try:
        connection = database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        held = bool(connection.execute(text("SELECT pg_try_advisory_lock(:id)"), {"id": TICK_LOCK}).scalar())
    except SQLAlchemyError as error:
        raise unavailable(error) from error
    try:
        yield held
    finally:
        try:
            if held:
                connection.execute(text("SELECT pg_advisory_unlock(:id)"), {"id": TICK_LOCK})
            connection.close()
        except SQLAlchemyError:
            # The session is gone and its lock with it.
            connection.invalidate()


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
