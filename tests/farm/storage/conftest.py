"""Every storage, as a farm would open it: its environment, and the storage itself."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from farm.settings import load_settings
from farm.storage import Storage, open_storage


@dataclass(frozen=True)
class Place:
    """One empty storage, and the variables with which another process opens the same."""

    storage: Storage
    environment: dict[str, str]


@pytest.fixture(params=["folder", pytest.param("s3", marks=pytest.mark.needs_s3)])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    if request.param == "folder":
        environment = {"FARM_HOME": str(tmp_path / "home")}
    else:
        environment = request.getfixturevalue("s3_environment")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Place(open_storage(load_settings(environment)), environment)


@pytest.fixture
def storage(place: Place) -> Storage:
    return place.storage
