"""Workers render and collectors collect at the same time, on every kind of ledger and storage; some are killed or held
still. Longer races: `python -m tests.retention.race --help`."""

from pathlib import Path

import pytest

from tests.retention.race import Race, environment_of

ROUNDS = 3


def check(race: Race) -> None:
    race.run(ROUNDS)
    assert race.wrong == []
    assert race.happened["rounds"] >= ROUNDS
    assert race.happened["portraits looked at"] >= 3 * ROUNDS
    assert race.happened["collections to their end"] > 0


def test_whoever_collects_no_live_job_loses_a_portrait(tmp_path: Path) -> None:
    check(Race(environment_of(tmp_path / "home"), tmp_path, seed=1))


@pytest.mark.needs_postgres
@pytest.mark.needs_s3
def test_neither_do_they_on_servers(
    postgres_url: str, s3_environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3_environment.items():
        monkeypatch.setenv(name, value)
    environment = environment_of(tmp_path / "home", ledger_url=postgres_url, more=s3_environment)
    check(Race(environment, tmp_path, seed=2))
