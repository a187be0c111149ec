"""`farm settings`, the example file made of it, and `farm worker --check`."""

import json
import re
from pathlib import Path

import pytest

from farm.cli.settings import example_file
from farm.service import Service
from farm.settings import Settings, load_settings
from tests.farm.cli.conftest import Farm
from tests.farm.stocking import toy_worker

EXAMPLE = Path(__file__).resolve().parents[3] / "farm.env.example"
UNITS = re.compile(r"_(s|bytes|px|nimg|gb)$|\b(TCP port|torch threads|seconds|per |how many|percent|days|requests)")


def test_the_example_file_is_up_to_date() -> None:
    """If this fails: farm settings --example > farm.env.example"""
    assert EXAMPLE.read_text() == example_file()


def test_the_command_prints_that_file(farm: Farm) -> None:
    assert farm("settings", "--example").out == example_file()


def test_every_setting_says_what_it_is_and_every_number_its_unit() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, f"{name} has no description"
        if field.annotation in (int, float):
            assert UNITS.search(f"{name} {field.description}") or UNITS.search(name), f"{name}: in what unit?"


def test_the_examples_are_the_defaults(tmp_path: Path) -> None:
    lines = [line[1:] for line in example_file().splitlines() if line.startswith("#FARM_")]
    given = dict(line.split("=", 1) for line in lines)
    assert len(given) == len(Settings.model_fields)
    assert load_settings({**given, "FARM_HOME": str(tmp_path)}) == load_settings({"FARM_HOME": str(tmp_path)})


def test_settings_are_shown_without_passwords_and_misspelt_ones_are_told(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FARM_REDIS_URL", "redis://:geheim@far:6379/0")
    monkeypatch.setenv("FARM_REDIS_ULR", "x")

    said = farm("settings")

    assert (said.code, "geheim" in said.out) == (0, False)
    assert re.search(r"FARM_REDIS_URL +redis://:\*\*\*@far:6379/0 +environment", said.out)
    assert "FARM_REDIS_ULR is set, but there is no such setting" in said.out
    told = json.loads(farm("settings", "--json").out)
    assert {"variable": "FARM_TICK_S", "value": str(load_settings().tick_s), "source": "default"} in told


def test_a_worker_is_asked_whether_it_is_at_work(farm: Farm, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FARM_WORKER_NAME", "one")
    monkeypatch.setenv("FARM_REDIS_URL", "redis://127.0.0.1:1/0")

    before = farm("worker", "--check")
    toy_worker(service.ledger, "one")
    after = farm("worker", "--check")

    assert (before.code, after.code) == (3, 0)
    assert farm("worker", "--check", "--name", "two").code == 3
