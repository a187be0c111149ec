"""One database, SQLite or Postgres, behind two functions: `write` and `read` a transaction.

SQLite: WAL, and every write begins IMMEDIATE. A deferred transaction that reads first and writes later cannot wait
for the writer before it: it is refused at once, whatever the busy timeout. Postgres: READ COMMITTED, row locks.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    CursorResult,
    Engine,
    Executable,
    Float,
    Table,
    bindparam,
    create_engine,
    event,
    literal_column,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError

from farm.errors import LedgerUnavailable, SettingsInvalid
from farm.ledger.limits import Limits
from farm.outages import Outage

T = TypeVar("T")

BUSY_S = 30.0
"""How long a transaction waits for another one's lock before the ledger counts as unavailable."""
SILENCE_S = 12
"""Postgres: both ends drop a connection whose other end says nothing for so long. A host that is cut off without a
word would else wait for a quarter of an hour, and what it held locked (a job, the tick) would stay so for two hours."""
ANSWERS = 5
"""A database that answers so often in a row is back."""
TRIES = 12
"""How often a transaction that collided with another one is run again."""
BUILT_KEPT = 4096
"""So many statements are kept as they were built: those of a thousand workers, where one process plays them all."""
_COLLISIONS = frozenset({"40001", "40P01"})  # Postgres: serialisation failure, deadlock

_KEEPALIVES = {"idle": SILENCE_S // 2, "interval": SILENCE_S // 6, "count": 3}

_NOW = {
    "sqlite": "((julianday('now') - 2440587.5) * 86400.0)",
    "postgresql": "extract(epoch from clock_timestamp())::float8",
}


@dataclass(frozen=True)
class Tx:
    """One open transaction: the connection, the database's clock as an SQL expression, and the limits."""

    connection: Connection
    now: ColumnElement[float]
    limits: Limits
    _built: dict[Hashable, Any] = field(default_factory=dict, repr=False)

    def built(self, key: Hashable, build: Callable[[], T]) -> T:
        """What `build` made for this key when it was first asked; the key names all that goes into it.

        Putting a long statement together takes many times as long as running it, and a claim or beat waits for it with
        the ledger locked. `now` and `limits` are the same for every transaction of a Database.
        """
        found = self._built.get(key)
        if found is None:
            if len(self._built) >= BUILT_KEPT:
                self._built.clear()
            found = self._built[key] = build()
        return found

    def run(self, statement: Executable, rows: Any = None) -> CursorResult[Any]:
        """The result of one statement; `rows` makes it a bulk one."""
        return self.connection.execute(statement, rows)

    def upsert(self, table: Table) -> Any:
        """The dialect's INSERT that knows ON CONFLICT."""
        return (sqlite if self.connection.dialect.name == "sqlite" else postgresql).insert(table)


class Database:
    """An engine with its clock, limits and failpoint. Threads may share it."""

    def __init__(
        self,
        url: str,
        *,
        limits: Limits,
        clock_offset_s: Callable[[], float] | None = None,
        failpoint: Callable[[str], None] | None = None,
    ) -> None:
        self.engine = _engine(url)
        self.limits = limits
        self.statements = 0
        self.outage = Outage("the ledger", enough=ANSWERS)
        self._now = self._clock(clock_offset_s)
        self._built: dict[Hashable, Any] = {}
        self._failpoint = failpoint
        self._reading = self.engine.execution_options(reading=True)
        event.listen(self.engine, "before_cursor_execute", self._count)

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    def write(self, name: str, work: Callable[[Tx], T]) -> T:
        """What `work` returns, committed; it runs again where it collided with another transaction.

        Raises LedgerUnavailable; whatever `work` raises rolls it back.
        """
        for left in reversed(range(TRIES)):
            try:
                with self.engine.begin() as connection:
                    result = work(self.tx(connection))
                break
            except SQLAlchemyError as error:
                if left == 0 or not _collided(error):
                    raise self.away(error, writing=True) from error
        self.outage.answered(writing=True)
        if self._failpoint is not None:
            self._failpoint(name)
        return result

    def read(self, work: Callable[[Tx], T]) -> T:
        """What `work` reads from one snapshot (SQLite) or of committed rows (Postgres).

        Raises LedgerUnavailable.
        """
        try:
            with self._reading.begin() as connection:
                result = work(self.tx(connection))
        except SQLAlchemyError as error:
            raise self.away(error) from error
        self.outage.answered()
        return result

    def tx(self, connection: Connection) -> Tx:
        """The parts of the farm's transaction around an open connection."""
        return Tx(connection, self._now, self.limits, self._built)

    def _clock(self, offset_s: Callable[[], float] | None) -> ColumnElement[float]:
        """The database's clock in SQL; the offset is asked whenever a statement runs."""
        now = literal_column(_NOW[self.engine.dialect.name], Float(53))
        return now if offset_s is None else now + bindparam("clock_offset_s", callable_=offset_s, type_=Float(53))

    def away(self, error: SQLAlchemyError, *, writing: bool = False) -> LedgerUnavailable:
        """The database's error as ours, to be raised; the log tells it once an outage."""
        translated = unavailable(error)
        self.outage.refused(translated.message, writing=writing)
        return translated

    def close(self) -> None:
        self.engine.dispose()

    def _count(self, *_: Any) -> None:
        self.statements += 1


def unavailable(error: SQLAlchemyError) -> LedgerUnavailable:
    """The one place where the database's errors become ours; parameters never enter the message."""
    cause = getattr(error, "orig", None) or error
    lines = str(cause).strip().splitlines()
    return LedgerUnavailable(f"the ledger does not answer: {lines[0] if lines else type(cause).__name__}")


def _collided(error: SQLAlchemyError) -> bool:
    """True where another transaction was faster and running again settles it."""
    state = getattr(getattr(error, "orig", None), "sqlstate", None)
    return isinstance(error, IntegrityError) or (isinstance(error, DBAPIError) and state in _COLLISIONS)


def _engine(text: str) -> Engine:
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise SettingsInvalid("FARM_LEDGER_URL is not a database address") from error
    if url.get_backend_name() == "sqlite":
        return _sqlite_engine(url)
    if url.get_backend_name() == "postgresql":
        return _postgres_engine(url)
    raise SettingsInvalid(f"the ledger knows SQLite and Postgres, not {url.get_backend_name()}")


def _sqlite_engine(url: URL) -> Engine:
    if not url.database or url.database == ":memory:":
        raise SettingsInvalid("the ledger is shared between processes: SQLite needs a file, sqlite:////path/to/file")
    engine = create_engine(url, connect_args={"timeout": BUSY_S}, hide_parameters=True)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own transaction control begins late and deferred; `_begin_sqlite` replaces it.
    connection.isolation_level = None
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _postgres_engine(url: URL) -> Engine:
    in_ms = {
        "lock_timeout": int(BUSY_S * 1000),
        "idle_in_transaction_session_timeout": int(BUSY_S * 1000),  # a process that stands still holds no lock for ever
        "tcp_user_timeout": SILENCE_S * 1000,  # for what was sent and not acknowledged: keepalives wait behind that
    }
    of_server = in_ms | {f"tcp_keepalives_{name}": value for name, value in _KEEPALIVES.items()}
    # Without its compiler, which takes three seconds for a claim's question, by its estimated cost, to spare a few ms.
    of_server["jit"] = 0
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args={
            "connect_timeout": 5,
            "tcp_user_timeout": in_ms["tcp_user_timeout"],
            **{f"keepalives_{name}": value for name, value in _KEEPALIVES.items()},
            "options": " ".join(f"-c {name}={value}" for name, value in of_server.items()),
        },
        pool_pre_ping=True,  # a restarted database costs nobody an error
        hide_parameters=True,
    )
