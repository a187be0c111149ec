"""The `farm` command in this process, on a farm of the test's own."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from farm.cli.main import main
from farm.settings import Settings


@dataclass(frozen=True)
class Said:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str


Farm = Callable[..., Said]


@pytest.fixture
def farm(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Farm:
    """Runs one command: `farm("jobs", "--json")`."""
    monkeypatch.setenv("FARM_HOME", str(settings.home))

    def run(*arguments: str) -> Said:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        said = capsys.readouterr()
        return Said(code=int(ended.value.code or 0), out=said.out, err=said.err)

    return run
