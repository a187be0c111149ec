"""Which classes of work are known to need more memory than a device has."""

from typing import Any

from sqlalchemy import ColumnElement, exists, func

from farm.ledger.connection import Tx
from farm.ledger.schema import too_large

REMEMBERED_S = 3600.0
"""After so long a small device may try again: something else may have filled its memory that day."""


def fits(tx: Tx, memory_bytes: Any, rate_key: Any) -> ColumnElement[bool]:
    """SQL: work of this class is not known to be too large for a device of so many bytes (None: it does not say).

    Either may be a value or a column.
    """
    return ~exists().where(
        too_large.c.rate_key == rate_key,
        too_large.c.memory_bytes >= func.coalesce(memory_bytes, 0),
        too_large.c.at > tx.now - REMEMBERED_S,
    )
