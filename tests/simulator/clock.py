"""Virtual time: the ledger's clock goes where the simulator says, and the database's own stands still."""

import time
from typing import Any

from sqlalchemy import event

from farm.ledger.connection import Database

JULIAN_OF_1970 = 2440587.5
DAY_S = 86400.0
STARTS_AT_S = 1_800_000_000.0
"""The date of every simulation's beginning, in seconds since 1970."""


class VirtualClock:
    """`Database(clock_offset_s=clock)` reads it at the begin of every transaction.

    On SQLite the clock under the offset is held still, so that one seed gives one run to the last bit; Postgres'
    own clock cannot be, and its ledger is right to the milliseconds a transaction takes.
    """

    def __init__(self) -> None:
        self.now_s = 0.0
        self._frozen = False

    def __call__(self) -> float:
        return self.now_s + (0.0 if self._frozen else STARTS_AT_S - time.time())

    def freeze(self, database: Database) -> None:
        """Hold SQLite's clock still, on every connection to come."""
        if database.is_sqlite:
            self._frozen = True
            event.listen(database.engine, "connect", _stand_still)

    def since_start(self, at: float | None) -> float:
        """A time of the ledger's as seconds since the simulation began."""
        return (at or STARTS_AT_S) - STARTS_AT_S


def _stand_still(connection: Any, _record: Any) -> None:
    connection.create_function("julianday", 1, _julian, deterministic=True)


def _julian(_when: str) -> float:
    return STARTS_AT_S / DAY_S + JULIAN_OF_1970
