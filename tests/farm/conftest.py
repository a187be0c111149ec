"""A farm for tests of its verbs and doors: a real SQLite ledger and folder storage in a folder of their own."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from farm.ledger import Limits, open_ledger
from farm.service import Service
from farm.settings import Settings
from tests.farm.stocking import CountingQueue, service_on


@pytest.fixture(scope="session")
def new_ledger_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger of the newest schema with nothing in it, to copy: migrating each anew costs half a second."""
    path = tmp_path_factory.mktemp("new") / "ledger.sqlite"
    open_ledger(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def settings(tmp_path: Path, new_ledger_file: Path) -> Settings:
    home = tmp_path / "farm"
    home.mkdir()
    shutil.copy(new_ledger_file, home)
    return Settings.model_validate({"home": home})


@pytest.fixture
def queue() -> CountingQueue:
    return CountingQueue()


@pytest.fixture
def service(settings: Settings, queue: CountingQueue) -> Iterator[Service]:
    with open_ledger(settings.ledger_url, limits=Limits.of(settings)) as ledger:
        yield service_on(ledger, settings, queue=queue)
