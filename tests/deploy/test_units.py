"""The systemd units, as systemd itself judges them, and against the farm they start."""

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from farm.cli.main import make_app
from farm.embedded.farm import MICRO_BATCH_S
from farm.settings import Settings, load_settings
from tests.deploy.compose import ROOT

UNITS = ROOT / "deploy/systemd"
NAMES = ("farm-api.service", "farm-flower.service", "farm-worker@cpu.service", "farm-worker@cuda0.service")


def unit(name: str) -> configparser.ConfigParser:
    parsed = configparser.ConfigParser(strict=False, interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read([UNITS / "farm-.service.d/common.conf", UNITS / name])
    return parsed


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units as on a machine whose farm is this one."""
    folder = tmp_path / "units"
    shutil.copytree(UNITS, folder)
    for path in folder.glob("*.service"):
        path.write_text(path.read_text().replace("/opt/farm/bin", str(Path(sys.executable).parent)))
    return folder


def verdict(path: Path) -> tuple[int, str]:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    told = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    return told.returncode, told.stdout + told.stderr


@pytest.mark.parametrize("name", NAMES)
def test_systemd_has_nothing_to_say_against_it(installed: Path, name: str) -> None:
    assert verdict(installed / name) == (0, "")


def test_systemd_would_have_found_a_misspelt_word(installed: Path) -> None:
    common = installed / "farm-.service.d/common.conf"
    common.write_text(common.read_text().replace("KillMode=", "KilMode="))
    assert "KilMode" in verdict(installed / NAMES[0])[1]


def test_systemd_would_have_found_a_program_that_is_not_there(installed: Path) -> None:
    api = installed / NAMES[0]
    api.write_text(api.read_text().replace("/bin/python", "/bin/pythno"))
    assert "pythno" in verdict(api)[1]


def test_user_and_folders_are_ones_systemd_understands(tmp_path: Path) -> None:
    for tool, file in (("systemd-sysusers", "sysusers.conf"), ("systemd-tmpfiles", "tmpfiles.conf")):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
        option = ["--dry-run"] if tool == "systemd-sysusers" else ["--create", "--prefix=/nowhere"]
        told = subprocess.run(
            [tool, *option, str(UNITS / file)], capture_output=True, text=True, timeout=60, check=False
        )
        assert (told.returncode, "ignoring" in told.stderr) == (0, False), told.stderr


@pytest.mark.parametrize("name", ["farm-api.service", "farm-flower.service", "farm-worker@.service"])
def test_only_the_main_process_is_asked_to_stop(name: str) -> None:
    assert unit(name)["Service"]["KillMode"] == "mixed"
    assert unit(name)["Service"]["User"] == "farm"


def test_a_worker_gets_the_time_it_needs_to_give_its_work_back() -> None:
    needed_s = Settings.model_fields["shutdown_s"].default + MICRO_BATCH_S
    assert float(unit("farm-worker@.service")["Service"]["TimeoutStopSec"]) > needed_s


@pytest.mark.parametrize("name", ["farm-flower.service", "farm-worker@.service"])
def test_the_command_knows_the_options_it_is_given(name: str) -> None:
    program, verb, *arguments = unit(name)["Service"]["ExecStart"].split()
    assert program == "/opt/farm/bin/farm"
    command = typer.main.get_command(make_app()).commands[verb]  # type: ignore[attr-defined]
    given = {word for word in arguments if word.startswith("--")}
    assert given <= {option for parameter in command.params for option in parameter.opts}


def test_the_device_in_a_units_name_is_one_the_farm_knows(tmp_path: Path) -> None:
    text = (UNITS / "farm-worker@.service").read_text()
    devices = re.findall(r"farm-worker@([a-z0-9]+)", text)
    assert len(devices) >= 3
    for device in devices:
        load_settings({"FARM_HOME": str(tmp_path), "FARM_DEVICE": device})
