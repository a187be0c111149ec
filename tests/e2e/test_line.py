"""The whole line on real photographs: a folder in, portraits out, every step through the command line or the API."""

import hashlib
import signal
import time
from pathlib import Path

import pytest

from farm.recipe import read_png_text
from tests.e2e.conftest import RunningFarm, assert_gone, environment, family, started

PHOTOS = Path(__file__).parents[2] / "deploy/demo/photos"


@pytest.mark.timeout(900)
def test_photographs_go_in_and_portraits_come_out(running: RunningFarm) -> None:
    # Given a farm with a second worker beside its own
    second = started("worker", "--name", "second", env=environment(running.home), cwd=running.folder)
    try:
        _the_line(running)
        assert {"second"} < {worker["name"] for worker in running.api.get("/v1/workers")}
        below = family(second)
        second.send_signal(signal.SIGTERM)
        second.wait(60)
        assert_gone(below)
    finally:
        second.kill()
        second.communicate()


def _the_line(farm: RunningFarm) -> None:
    # When photographs are added, two stages trained, and both made a cascade
    farm.cli("dataset", "add", "studio", str(PHOTOS), "--wait")
    (dataset,) = farm.api.get("/v1/datasets")
    assert (dataset["kept"], dataset["dropped"]) == (24, 1)
    _judged_again(farm)

    base = {"kind": "train", "run": "faces", "stage": "base", "dataset": "studio@1", "preset": "smoke-base-16"}
    farm.submit({**base, "total_nimg": 32})
    run = farm.api.get("/v1/runs/faces")
    assert [(part["start_nimg"], part["end_nimg"]) for part in run["slices"]] == [(0, 16), (16, 32)]
    assert run["samples"]

    upscaler = ("train", "upscaler", "larger", "--dataset", "studio@1", "--preset", "smoke-up-32", "--before", "faces")
    assert "done: 16 images" in farm.cli(*upscaler, "--images", "16", "--wait")
    farm.cli("cascade", "assemble", "line", "faces", "larger", "--wait")
    cascade = farm.api.get("/v1/cascades/line")
    assert (cascade["sizes_px"], cascade["judged"]) == ([16, 32], True)

    # And another base begins with its weights, and a third at a checkpoint of the first
    for name, options in (("warm", ("--from-cascade", "line")), ("side", ("--from", "faces@20"))):
        more = ("train", "base", name, "--dataset", "studio@1", "--preset", "smoke-base-16", *options)
        farm.cli(*more, "--images", "32", "--slice", "32", "--wait")
    begun = {name: farm.api.get(f"/v1/runs/{name}")["slices"] for name in ("warm", "side")}
    assert [begun[name][0]["start_nimg"] for name in begun] == [0, 16]
    assert [begun[name][-1]["end_nimg"] for name in begun] == [32, 32]
    assert '"branched"' in farm.cli("train", "log", "warm", "--json")

    # Then it paints at both sizes, and each file carries its recipe
    job = farm.submit({"kind": "render", "cascade": "line", "seeds": "0..5", "size_px": 32})
    bodies = _painted(farm, job["id"])
    assert len({hashlib.sha256(body).digest() for body in bodies}) == 6
    farm.cli("render", "line", "--seeds", "3..4", "--size", "16", "--out", "small")
    assert sorted(path.name for path in (farm.folder / "small").iterdir()) == ["3.png", "4.png", "contact.jpg"]

    # And of ten previews the two that its judge likes best become files at full size
    said = farm.cli("render", "line", "--seeds", "20..29", "--keep-best", "2", "--size", "32", "--out", "best")
    chosen = sorted(path.name for path in (farm.folder / "best").iterdir())
    assert len(chosen) == 3 and chosen[-1] == "contact.jpg", said
    assert all(20 <= int(name.removesuffix(".png")) <= 29 for name in chosen[:2])

    # And a copy of it, sent to a farm as a file, is the same cascade: nothing of it is painted twice
    _the_same_after_export_and_import(farm, cascade["digest"], bodies)


def _judged_again(farm: RunningFarm) -> None:
    """A stricter policy makes another version, without a photo; the first one stays what trainings see."""
    strict = farm.folder / "strict.toml"
    strict.write_text("min_native_px = 586\n")
    farm.cli("dataset", "reverdict", "studio", "--policy", str(strict), "--wait")
    said = farm.cli("dataset", "compare", "studio@1", "studio@2")
    assert "now dropped: too small: detail for" in said
    first, second = (farm.api.get("/v1/datasets/studio", version=version) for version in (1, 2))
    assert 0 < second["kept"] < first["kept"] == first["teaches"]["64"] == 24
    farm.cli("dataset", "report", "studio@2", "--out", "report.html")
    assert b"<html" in (farm.folder / "report.html").read_bytes()


def _painted(farm: RunningFarm, job_id: int) -> list[bytes]:
    """The bytes of a job's portraits; what they say of themselves is what the API says of them."""
    bodies = []
    for portrait in farm.api.get(f"/v1/jobs/{job_id}/portraits")["portraits"]:
        body = farm.api.download(portrait["url"])
        assert hashlib.sha256(body).hexdigest() == portrait["sha256"]
        recipes = [text for text in read_png_text(body).values() if '"latent_seed"' in text]
        assert [hashlib.sha256(text.encode()).hexdigest() for text in recipes] == [portrait["recipe"]]
        bodies.append(body)
    keys = [file["key"] for file in farm.api.get(f"/v1/jobs/{job_id}/files")]
    assert f"jobs/{job_id}/contact.jpg" in keys
    assert any(key.endswith(".parquet") for key in keys)
    return bodies


def _the_same_after_export_and_import(farm: RunningFarm, digest: str, bodies: list[bytes]) -> None:
    farm.cli("cascade", "export", "line", "--out", "line.cascade")
    upload = farm.api.post("/v1/intakes", body=(farm.folder / "line.cascade").read_bytes())
    farm.submit({"kind": "import", "cascade": "copy", "intake": upload["sha256"]})
    assert farm.api.get("/v1/cascades/copy")["digest"] == digest

    before_s = time.time()
    job = farm.submit({"kind": "render", "cascade": "copy", "seeds": "0..5", "size_px": 32})
    assert _painted(farm, job["id"]) == bodies
    written = [path for path in (farm.home / "objects/portraits").rglob("*.png") if path.stat().st_mtime > before_s]
    assert written == []
