"""The epoch: the number of the last collection, and who may not overlap with one.

A portrait's object carries in its key the epoch in which it was put, and a row comes into the ledger only in the
epoch of its object. So a key of an earlier epoch that no row names will never be named, and deleting it is safe at any
time, however late the deletion arrives. Proved over all interleavings by tests/retention/model.py.
"""

from typing import Any

from sqlalchemy import func, select, text

from farm.ledger.connection import Tx
from farm.ledger.schema import collection

COLLECTION_LOCK = 0x6661_726D_0003
"""Postgres advisory lock. Shared: transactions that add a job or a portrait. Alone: those that begin or mark."""


def epoch_now() -> Any:
    """SQL: the current epoch; 0 before the first collection."""
    return select(func.coalesce(func.max(collection.c.id), 0)).scalar_subquery().label("epoch")


def beside_collections(tx: Tx) -> None:
    """From here to its end, this transaction and a collection's happen one after the other.

    SQLite has one writer at a time anyway. Call it before reading what the collection changes.
    """
    _lock(tx, "SELECT pg_advisory_xact_lock_shared(:id)")


def as_collection(tx: Tx) -> None:
    """The other side: waits for the transactions above that have begun, and holds new ones up."""
    _lock(tx, "SELECT pg_advisory_xact_lock(:id)")


def _lock(tx: Tx, statement: str) -> None:
    if tx.connection.dialect.name != "sqlite":
        tx.run(text(statement).bindparams(id=COLLECTION_LOCK))
