"""Settings whose value a file holds, and settings told to a person: where each came from, and no password."""

from pathlib import Path

import pytest

from farm.errors import SettingsInvalid
from farm.settings import Settings, child_environment, load_settings, told_settings, unknown_variables

REDIS = "redis://:geheim@redis:6379/0"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file as `deploy/secrets.sh` writes it."""
    path = tmp_path / "redis_url"
    path.write_text(f"  {REDIS}\n")
    return path


def _problems(environment: dict[str, str]) -> dict[str, str]:
    with pytest.raises(SettingsInvalid) as wrong:
        load_settings(environment)
    return {problem.field: problem.message for problem in wrong.value.problems}


def test_a_file_may_hold_the_value_of_any_setting(tmp_path: Path, secret: Path) -> None:
    port = tmp_path / "port"
    port.write_text("4242\n")
    settings = load_settings(
        {"FARM_HOME": str(tmp_path), "FARM_REDIS_URL_FILE": str(secret), "FARM_API_PORT_FILE": str(port)}
    )
    assert (settings.redis_url, settings.api_port) == (REDIS, 4242)


def test_a_child_gets_the_value_and_needs_no_file(
    tmp_path: Path, secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FARM_HOME", str(tmp_path))
    monkeypatch.setenv("FARM_REDIS_URL_FILE", str(secret))
    settings = load_settings()
    secret.unlink()
    assert load_settings(child_environment(settings)) == settings


def test_value_and_file_together_are_one_clear_error(tmp_path: Path, secret: Path) -> None:
    environment = {"FARM_HOME": str(tmp_path), "FARM_REDIS_URL": REDIS, "FARM_REDIS_URL_FILE": str(secret)}
    assert _problems(environment) == {"FARM_REDIS_URL_FILE": "is set, and FARM_REDIS_URL too: unset one of them"}


def test_a_file_that_says_nothing_readable_is_named(tmp_path: Path) -> None:
    empty, binary = tmp_path / "empty", tmp_path / "binary"
    empty.write_text(" \n")
    binary.write_bytes(b"\xff\xfe\xff")
    told = _problems(
        {
            "FARM_HOME": str(tmp_path),
            "FARM_REDIS_URL_FILE": str(tmp_path / "absent"),
            "FARM_LEDGER_URL_FILE": str(empty),
            "FARM_STORAGE_URL_FILE": str(binary),
            "FARM_DEVICE_FILE": str(tmp_path),
        }
    )
    assert set(told) == {f"FARM_{n}_FILE" for n in ("REDIS_URL", "LEDGER_URL", "STORAGE_URL", "DEVICE")}
    assert "No such file" in told["FARM_REDIS_URL_FILE"]
    assert told["FARM_LEDGER_URL_FILE"] == f"names an empty file: {empty}"


def test_wrong_values_and_wrong_files_are_told_together(tmp_path: Path) -> None:
    told = _problems({"FARM_HOME": str(tmp_path), "FARM_REDIS_URL_FILE": "/absent", "FARM_API_PORT": "many"})
    assert set(told) == {"FARM_REDIS_URL_FILE", "FARM_API_PORT"}


def test_told_settings_say_where_each_came_from_and_hide_passwords(tmp_path: Path, secret: Path) -> None:
    told = {
        each.variable: each
        for each in told_settings(
            {
                "FARM_HOME": str(tmp_path),
                "FARM_REDIS_URL_FILE": str(secret),
                "FARM_LEDGER_URL": "postgresql+psycopg://farm:ge:h@im@db/farm?password=geheim&sslmode=require",
            }
        )
    }
    assert list(told) == [f"FARM_{name.upper()}" for name in Settings.model_fields]
    assert told["FARM_REDIS_URL"].value == "redis://:***@redis:6379/0"
    assert told["FARM_REDIS_URL"].source == f"file {secret}"
    assert told["FARM_LEDGER_URL"].value == "postgresql+psycopg://farm:***@db/farm?password=***&sslmode=require"
    assert told["FARM_LEDGER_URL"].source == "environment"
    assert told["FARM_TICK_S"].source == "default"
    assert told["FARM_STORAGE_URL"].value == f"file://{tmp_path}/objects"


def test_a_misspelt_variable_is_found() -> None:
    given = {"FARM_REDIS_ULR": "", "FARM_REDIS_URL_FILE": "x", "FARM_HOME": "/", "FARMER": "", "FARM_TICK_FILE": "x"}
    assert unknown_variables(given) == ["FARM_REDIS_ULR", "FARM_TICK_FILE"]
