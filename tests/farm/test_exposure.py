"""What others on the network may reach: a Redis without a password is refused, the rest is told."""

from pathlib import Path

import pytest

from farm.errors import SettingsInvalid
from farm.service.doctor import examine
from farm.service.exposure import findings
from farm.settings import Settings, load_settings


@pytest.mark.parametrize(
    "url",
    [
        "redis://redis:6379/0",
        "redis://10.0.0.7:6379/0",
        "redis://0.0.0.0:6379/0",
        "redis://[2001:db8::1]:6379/0",
        "redis://farm@redis:6379/0",
        "redis://:@redis:6379/0",
        "rediss://redis:6379/0",
        "rediss://127.0.0.1.example.org/0",
        "redis://localhost.example.org/0",
        "redis://[::ffff:10.0.0.7]:6379/0",
        "REDIS://REDIS:6379/0",
    ],
)
def test_a_redis_without_a_password_is_refused_off_this_machine(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        load_settings({"FARM_HOME": str(tmp_path), "FARM_REDIS_URL": url})

    [problem] = refused.value.problems
    assert problem.field == "FARM_REDIS_URL"
    assert "requirepass" in problem.message
    assert "redis://:PASSWORD@" in problem.message


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:6379/0",
        "redis://127.1.2.3/0",
        "redis://localhost:6379/0",
        "redis://LOCALHOST/0",
        "redis://[::1]:6379/0",
        "redis://[::ffff:127.0.0.1]:6379/0",
        "redis:///0",
        "unix:///run/redis.sock",
        "redis://:secret@10.0.0.7:6379/0",
        "redis://farm:secret@redis/0",
        "rediss://:p%40ss@redis:6379/0",
    ],
)
def test_others_are_taken(tmp_path: Path, url: str) -> None:
    assert load_settings({"FARM_HOME": str(tmp_path), "FARM_REDIS_URL": url}).redis_url == url


def test_an_address_that_is_none_is_told_by_its_variable(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        load_settings({"FARM_HOME": str(tmp_path), "FARM_REDIS_URL": "redis://[::1/0"})

    assert [problem.field for problem in refused.value.problems] == ["FARM_REDIS_URL"]


def test_the_password_is_in_no_message(tmp_path: Path) -> None:
    variables = {"FARM_REDIS_URL": "redis://geheim@redis/0", "FARM_LEASE_S": "1"}
    with pytest.raises(SettingsInvalid) as refused:
        load_settings({"FARM_HOME": str(tmp_path), **variables})

    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({}, []),
        ({"ledger_url": "postgresql+psycopg://farm@127.0.0.1/farm"}, []),
        ({"ledger_url": "postgresql+psycopg:///farm"}, []),
        ({"ledger_url": "postgresql+psycopg://farm:secret@db/farm"}, []),
        ({"ledger_url": "postgresql+psycopg://farm@db/farm"}, ["ledger's door"]),
        ({"api_host": "0.0.0.0"}, ["api's door"]),
        ({"api_host": "::"}, ["api's door"]),
        ({"api_host": "10.0.0.7", "ledger_url": "postgresql://db/farm"}, ["ledger's door", "api's door"]),
    ],
)
def test_open_doors_are_told(tmp_path: Path, variables: dict[str, str], told: list[str]) -> None:
    settings = Settings.model_validate({"home": tmp_path, **variables})

    assert [name for name, _, _ in findings(settings)] == told


def test_the_doctor_tells_them_as_notes(tmp_path: Path) -> None:
    settings = Settings.model_validate({"home": tmp_path, "api_host": "0.0.0.0", "api_port": 1})

    [note] = [check for check in examine(settings) if check.name == "api's door"]

    assert note.ok is None
    assert "without TLS" in note.found
    assert "proxy" in note.remedy
