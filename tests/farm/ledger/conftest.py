"""Every test of this folder that takes a ledger runs on SQLite and on Postgres.

One ledger per database is migrated and shared by the tests, each of which finds it without rows: opening a new one
for every test takes longer than the tests.
"""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from farm.ledger import Ledger, Limits
from farm.ledger.connection import Database
from farm.ledger.migrating import migrate
from farm.ledger.schema import metadata
from tests.farm.ledger.acting import Clock
from tests.services.postgres import PostgresCluster
from tests.services.process import ServiceMissing, skip_or_fail

DATABASES = ["sqlite", pytest.param("postgres", marks=pytest.mark.needs_postgres)]


class Home:
    """A migrated database, a ledger on it, and the clock they go by."""

    def __init__(self, url: str) -> None:
        self.url, self.clock = url, Clock()
        self.database = Database(url, limits=Limits(), clock_offset_s=self.clock)
        migrate(self.database)
        self.ledger = Ledger(self.database)

    def empty(self) -> None:
        """No rows, ids from 1, and no time gone by."""
        self.clock.ahead_s = 0.0
        with self.database.engine.begin() as connection:
            if not self.database.is_sqlite:
                connection.execute(text(f"TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY"))
                return
            for table in reversed(metadata.sorted_tables):
                connection.execute(table.delete())
            connection.execute(text("DELETE FROM sqlite_sequence"))


@pytest.fixture(scope="session", params=DATABASES)
def home(request: pytest.FixtureRequest) -> Iterator[Home]:
    """The shared ledger of one kind of database."""
    if request.param == "postgres":
        cluster: PostgresCluster | ServiceMissing = request.getfixturevalue("shared_postgres")
        if isinstance(cluster, ServiceMissing):
            skip_or_fail("postgres", cluster)
        with cluster.database() as url:
            made = Home(url)
            yield made
            made.ledger.close()
        return
    # In memory where there is such a folder: every commit waits for the disk otherwise, and no test cuts the power.
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        made = Home(f"sqlite:///{folder}/ledger.sqlite")
        yield made
        made.ledger.close()


@pytest.fixture
def ledger_url(home: Home) -> str:
    """URL of a migrated ledger without rows."""
    home.empty()
    return home.url


@pytest.fixture
def clock(home: Home) -> Clock:
    return home.clock


@pytest.fixture
def ledger(home: Home, ledger_url: str) -> Ledger:
    """The shared ledger without rows. It is not the test's to close."""
    del ledger_url  # it emptied the tables
    return home.ledger


@pytest.fixture
def open_one(ledger_url: str, clock: Clock) -> Iterator[Callable[..., Ledger]]:
    """Opens more ledgers on the test's database, by the test's clock, and closes them."""
    opened: list[Ledger] = []

    def open_one(*, limits: Limits | None = None, failpoint: Callable[[str], None] | None = None) -> Ledger:
        options = {"limits": limits or Limits(), "clock_offset_s": clock, "failpoint": failpoint}
        opened.append(Ledger(Database(ledger_url, **options)))  # type: ignore[arg-type]
        return opened[-1]

    yield open_one
    for ledger in opened:
        ledger.close()


@pytest.fixture(params=DATABASES)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a database nobody migrated."""
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path}/ledger.sqlite"
