"""Every test of this folder that takes `ledger_url` runs on SQLite and on Postgres."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from farm.ledger import Ledger, Limits, open_ledger
from tests.farm.ledger.acting import Clock


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.needs_postgres)])
def ledger_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """URL of a new, empty database."""
    if request.param == "postgres":
        yield str(request.getfixturevalue("postgres_url"))
        return
    # In memory where there is such a folder: every commit waits for the disk otherwise, and no test cuts the power.
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        yield f"sqlite:///{folder}/ledger.sqlite"


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
