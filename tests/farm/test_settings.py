"""Settings: defaults, what a running farm wrote, the environment; every mistake named by its variable."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from farm.errors import SettingsInvalid
from farm.settings import EMBEDDED_FILE, Settings, child_environment, load_settings


def _load(home: Path, **variables: str) -> Settings:
    return load_settings(
        {"FARM_HOME": str(home), **{f"FARM_{name.upper()}": value for name, value in variables.items()}}
    )


def _embedded(home: Path, content: str) -> None:
    (home / EMBEDDED_FILE).parent.mkdir(parents=True, exist_ok=True)
    (home / EMBEDDED_FILE).write_text(content)


def test_a_farm_needs_no_variable_at_all(tmp_path: Path) -> None:
    settings = load_settings({"HOME": str(tmp_path)})
    assert settings.home == tmp_path / ".local/share/farm"
    assert settings.ledger_url == f"sqlite:///{settings.home}/ledger.sqlite"
    assert settings.storage_url == (settings.home / "objects").as_uri()
    assert settings.is_sqlite


def test_home_is_farm_home_then_xdg_then_home(tmp_path: Path) -> None:
    variables = {"FARM_HOME": str(tmp_path / "f"), "XDG_DATA_HOME": str(tmp_path / "x"), "HOME": str(tmp_path / "h")}
    assert load_settings(variables).home == tmp_path / "f"
    del variables["FARM_HOME"]
    assert load_settings(variables).home == tmp_path / "x/farm"
    variables["XDG_DATA_HOME"] = ""
    assert load_settings(variables).home == tmp_path / "h/.local/share/farm"


def test_a_tilde_is_the_users_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    _embedded(tmp_path / "farm", '{"api_port": 4242}')
    settings = load_settings({"FARM_HOME": "~/farm"})
    assert settings.home == tmp_path / "farm"
    assert settings.api_port == 4242


def test_a_relative_home_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings({"FARM_HOME": "here"}).home == tmp_path / "here"


@pytest.mark.parametrize("home", ["~no-such-user-anywhere/farm", "/tmp/what?", "/tmp/a\0b"])
def test_a_home_that_cannot_be_is_told(home: str) -> None:
    with pytest.raises(SettingsInvalid) as wrong:
        load_settings({"FARM_HOME": home})
    assert [problem.field for problem in wrong.value.problems] == ["FARM_HOME"]


def test_the_environment_goes_before_what_a_running_farm_wrote(tmp_path: Path) -> None:
    _embedded(tmp_path, json.dumps({"redis_url": "redis://:p@x:1/0", "api_port": 4242, "device": "cuda", "pid": 3}))
    settings = _load(tmp_path, api_port="5555")
    assert (settings.redis_url, settings.api_port, settings.device) == ("redis://:p@x:1/0", 5555, "auto")


@pytest.mark.parametrize("content", ["", "{", "[]", "3", "null", '"x"', "\x00", '{"nothing": 1}'])
def test_what_a_dying_farm_left_half_written_is_ignored(tmp_path: Path, content: str) -> None:
    _embedded(tmp_path, content)
    assert _load(tmp_path).api_port == 8800


def test_a_variable_set_to_nothing_counts_as_not_set(tmp_path: Path) -> None:
    names = [name for name in Settings.model_fields if name != "home"]
    assert _load(tmp_path, **dict.fromkeys(names, "")) == _load(tmp_path)


def test_every_wrong_variable_is_named_at_once(tmp_path: Path) -> None:
    wrong = {
        "api_port": "70000",
        "device": "gpu",
        "threads": "many",
        "lease_s": "-1",
        "beat_s": "nan",
        "stall_s": "inf",
        "key_prefix": "My Farm",
        "worker_name": "a b",
        "log_level": "loud",
        "photo_max_px": "0",
    }
    with pytest.raises(SettingsInvalid) as told:
        _load(tmp_path, **wrong)
    assert {problem.field for problem in told.value.problems} == {f"FARM_{name.upper()}" for name in wrong}
    assert all(problem.message for problem in told.value.problems)


def test_a_lease_must_outlast_six_beats(tmp_path: Path) -> None:
    assert _load(tmp_path, lease_s="18", beat_s="3").lease_s == 18
    with pytest.raises(SettingsInvalid, match="FARM_LEASE_S must be at least six times FARM_BEAT_S"):
        _load(tmp_path, lease_s="17.9", beat_s="3")


def test_a_device_may_be_written_as_unit_names_can(tmp_path: Path) -> None:
    devices = {"cuda0": "cuda:0", "cuda:12": "cuda:12", "cuda": "cuda", "cpu": "cpu"}
    assert {given: _load(tmp_path, device=given).device for given in devices} == devices


def test_settings_are_frozen_and_know_no_other_field(tmp_path: Path) -> None:
    settings = _load(tmp_path)
    with pytest.raises(ValidationError):
        settings.api_port = 1
    with pytest.raises(ValidationError):
        Settings.model_validate({"home": tmp_path, "api_prot": 1})


def test_a_printed_setting_shows_no_password(tmp_path: Path) -> None:
    settings = _load(tmp_path, redis_url="redis://:geheim@h:1/0", ledger_url="postgresql+psycopg://u:geheim@h/d")
    assert "geheim" not in repr(settings) + str(settings)


def test_a_child_loads_the_very_same(tmp_path: Path) -> None:
    settings = _load(tmp_path / "größe", api_port="1234", device="cuda:1", s3_endpoint_url="http://h:1", beat_s="2.5")
    assert load_settings(child_environment(settings)) == settings
    assert load_settings(child_environment(_load(tmp_path))) == _load(tmp_path)


@given(
    st.dictionaries(st.sampled_from(sorted(set(Settings.model_fields) - {"home"})), st.text(max_size=20), max_size=4)
)
def test_any_text_in_any_variable_is_a_setting_or_a_mistake_with_its_name(variables: dict[str, str]) -> None:
    try:
        settings = _load(Path("/nowhere"), **variables)
    except SettingsInvalid as wrong:
        names = {f"FARM_{name.upper()}" for name in variables}
        assert {problem.field for problem in wrong.problems} <= names | {""}
    else:
        assert settings.home == Path("/nowhere")
