"""Every test of this folder that takes `ledger_url` runs on SQLite and on Postgres."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from farm.ledger import Ledger, Limits, open_ledger
from farm.ledger.schema import metadata
from tests.farm.ledger.acting import Clock
from tests.services.postgres import PostgresCluster
from tests.services.process import ServiceMissing, skip_or_fail

DATABASES = ["sqlite", pytest.param("postgres", marks=pytest.mark.needs_postgres)]


@pytest.fixture(scope="session")
def fast_folder() -> Iterator[Path]:
    """In memory where there is such a folder: every commit waits for the disk otherwise, and no test cuts the power."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def migrated_file(fast_folder: Path) -> Path:
    """An SQLite ledger without rows, to be copied: migrating one for every test takes longer than the tests."""
    open_ledger(f"sqlite:///{fast_folder}/template.sqlite").close()
    return fast_folder / "template.sqlite"


@pytest.fixture(scope="session")
def migrated_postgres(shared_postgres: PostgresCluster | ServiceMissing) -> Iterator[str]:
    """URL of a ledger on Postgres that tests use one after another."""
    if isinstance(shared_postgres, ServiceMissing):
        skip_or_fail("postgres", shared_postgres)
    with shared_postgres.database() as url:
        open_ledger(url).close()
        yield url


@pytest.fixture(params=DATABASES)
def ledger_url(request: pytest.FixtureRequest, fast_folder: Path) -> Iterator[str]:
    """URL of a migrated ledger without rows."""
    if request.param == "postgres":
        url = str(request.getfixturevalue("migrated_postgres"))
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(f"TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY")  # type: ignore[arg-type]
        yield url
        return
    with tempfile.TemporaryDirectory(dir=fast_folder) as folder:
        shutil.copy(request.getfixturevalue("migrated_file"), f"{folder}/ledger.sqlite")
        yield f"sqlite:///{folder}/ledger.sqlite"


@pytest.fixture(params=DATABASES)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a database nobody migrated."""
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path}/ledger.sqlite"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def open_one(ledger_url: str, clock: Clock) -> Iterator[Callable[..., Ledger]]:
    """Opens ledgers on the test's database, all by the test's clock, and closes them."""
    opened: list[Ledger] = []

    def open_one(**options: object) -> Ledger:
        opened.append(open_ledger(ledger_url, clock_offset_s=clock, **{"limits": Limits(), **options}))  # type: ignore[arg-type]
        return opened[-1]

    yield open_one
    for ledger in opened:
        ledger.close()


@pytest.fixture
def ledger(open_one: Callable[..., Ledger]) -> Ledger:
    return open_one()
