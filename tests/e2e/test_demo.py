"""`farm demo`: a farm for a minute, and nothing left of it but portraits."""

import io
import signal
import time
import zipfile
from pathlib import Path

import psutil
import pytest
import torch

from farm.recipe import read_png_text
from tests.e2e.conftest import COMMAND, assert_gone, environment, family, started
from workers.cascade.base import Generator
from workers.cascade.config import BaseConfig, CanonicalCall, CascadeConfig, UpscalerConfig
from workers.cascade.container import cascade_objects
from workers.cascade.halo import stage_config
from workers.cascade.upscaler import Upscaler

BASE = BaseConfig(size_px=16, latent_dim=8, widths=(16, 8, 8))
UPSCALER = UpscalerConfig(
    factor=2, input_px=16, channels=8, blocks=1, full_channels=4, guide_input_px=16, guide_width=8
)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny cascade of random weights, as a file."""
    torch.manual_seed(0)
    stages = (
        stage_config(BASE, call=CanonicalCall(window_px=0, micro_batch=2), taught_to_px=16),
        stage_config(UPSCALER, call=CanonicalCall(window_px=16, micro_batch=2), taught_to_px=32),
    )
    networks = (Generator(BASE), Upscaler(UPSCALER))
    objects = cascade_objects(
        CascadeConfig(stages=stages, tolerance_levels=1.0), [network.state_dict() for network in networks]
    )
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_STORED) as file:
        for name, content in objects.items():
            file.writestr(name, content)
    path = tmp_path_factory.mktemp("cascade") / "tiny.cascade"
    path.write_bytes(body.getvalue())
    return path


def demo_environment(folder: Path) -> dict[str, str]:
    """As a user's, who has a farm at home that the demo must leave alone; temporary files in `folder`."""
    temporary = folder / "tmp"
    temporary.mkdir()
    return {**environment(folder / "home"), "TMPDIR": str(temporary)}


@pytest.mark.timeout(900)
def test_the_demo_paints_shows_where_to_look_and_leaves_nothing_behind(tmp_path: Path, archive: Path) -> None:
    # Given a demo of three small portraits
    environment = demo_environment(tmp_path)
    arguments = ("--cascade", str(archive), "--count", "3", "--size", "32", "--seed", "5", "--out", "out")

    # When it runs
    process = started("demo", *arguments, env=environment, cwd=tmp_path)
    said, _ = process.communicate(timeout=600)

    # Then the files are there and named, the addresses were told, and nothing else is left
    assert process.returncode == 0, said
    for name in ("5.png", "6.png", "7.png", "contact.jpg"):
        assert f"out/{name}" in said
        assert (tmp_path / "out" / name).stat().st_size > 100
    assert "latent_seed" in str(read_png_text((tmp_path / "out/6.png").read_bytes()))
    assert "/docs" in said
    assert "/flower/" in said
    assert list((tmp_path / "tmp").glob("farm-demo-*")) == []
    assert not (tmp_path / "home").exists()
    assert _processes_of(tmp_path) == []


@pytest.mark.timeout(900)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_an_interrupted_demo_stops_all_it_started(tmp_path: Path, archive: Path, number: signal.Signals) -> None:
    # Given a demo that is up
    arguments = ("--cascade", str(archive), "--count", "10000", "--size", "32")
    process = started("demo", *arguments, env=demo_environment(tmp_path), cwd=tmp_path)
    assert process.stdout is not None
    while "Flower" not in process.stdout.readline():
        assert process.poll() is None

    # When it is interrupted
    below = family(process)
    assert len(below) >= 4
    interrupted_s = time.monotonic()
    process.send_signal(number)
    process.communicate(timeout=90)

    # Then it ends, not as if all were well, and takes everything along
    assert process.returncode != 0
    assert time.monotonic() - interrupted_s < 60
    assert_gone(below)
    assert list((tmp_path / "tmp").glob("farm-demo-*")) == []


@pytest.mark.timeout(900)
def test_a_demo_of_a_size_no_cascade_paints_says_so_and_stops(tmp_path: Path, archive: Path) -> None:
    arguments = ("--cascade", str(archive), "--size", "8192")
    process = started("demo", *arguments, env=demo_environment(tmp_path), cwd=tmp_path)

    said, _ = process.communicate(timeout=600)

    assert process.returncode == 2
    assert "--size: at most 4096" in said
    assert "Traceback" not in said
    assert _processes_of(tmp_path) == []


@pytest.mark.timeout(900)
@pytest.mark.skipif(torch.cuda.is_available(), reason="the device it names might be here")
def test_a_demo_whose_worker_cannot_start_says_why_and_stops(tmp_path: Path, archive: Path) -> None:
    env = {**demo_environment(tmp_path), "FARM_DEVICE": "cuda:7"}
    process = started("demo", "--cascade", str(archive), env=env, cwd=tmp_path)

    said, _ = process.communicate(timeout=600)

    assert process.returncode == 3
    assert "worker does not come up" in said
    assert "FARM_DEVICE is cuda:7, but torch sees 0 GPUs" in said
    assert _processes_of(tmp_path) == []


def _processes_of(folder: Path) -> list[list[str]]:
    """Command lines of processes that work in `folder` or name it."""
    found = []
    for process in psutil.process_iter(["cmdline", "environ"]):
        environ = process.info["environ"] or {}
        if str(folder) in environ.get("TMPDIR", "") and COMMAND not in (process.info["cmdline"] or []):
            found.append(process.info["cmdline"])
    return found
