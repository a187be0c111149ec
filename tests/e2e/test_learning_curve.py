"""A base that is trained on a farm is measured after every slice, and has a page."""

import json
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.e2e.conftest import RunningFarm
from tests.workers.rendering.films import frames_of
from workers.tasks.run_film import FADED, HELD, LAST

PHOTOS = Path(__file__).parents[2] / "deploy/demo/photos"


@pytest.mark.timeout(900)
def test_every_slice_is_a_point_of_the_curve(running: RunningFarm) -> None:
    running.cli("dataset", "add", "studio", str(PHOTOS), "--wait")
    one = ("train", "base", "faces", "--dataset", "studio", "--preset", "demo-base-64")
    running.cli(*one, "--images", "64", "--slice", "32", "--wait")

    slices = running.api.get("/v1/runs/faces")["slices"]
    assert [part["end_nimg"] for part in slices] == [32, 64]
    for part in slices:
        # Hardly trained, it is far from photographs, beyond what its interval leaves open.
        metrics = part["metrics"]
        assert 0 < metrics["kid_low"] < metrics["kid"] < metrics["kid_high"]

    said = running.cli("train", "report", "faces", "--out", "faces.html")
    page = (running.folder / "faces.html").read_text()
    assert said.strip().endswith("faces.html")
    assert page.count('class="sheet frame"') == 2
    for heading in ("Learning curves", "Spectrum", "Nearest to the photographs", "studio@1, split all"):
        assert heading in page, heading

    _check_what_it_left(running)
    compared = running.cli("train", "compare")
    assert "faces" in compared and "kid" in compared


def _check_what_it_left(running: RunningFarm) -> None:
    """Its configuration, its log, its events as TensorBoard reads them, its film."""
    assert "  schedule.gamma.start: 1.0\n" in running.cli("train", "show", "faces")
    shown = json.loads(running.cli("train", "show", "faces", "--json"))
    assert (shown["state"], shown["config"]["total_nimg"], len(shown["slices"])) == ("done", 64, 2)
    told = [json.loads(line) for line in running.cli("train", "log", "faces", "--follow", "--json").splitlines()]
    assert [line["nimg"] for line in told if line["event"] == "sample"] == [32, 64]
    assert all(line["at_s"] > 1.7e9 for line in told)
    assert running.cli("train", "log", "faces").count("sample") == 2

    assert "faces: 4 files" in running.cli("train", "tensorboard", "faces", "--to", "events")
    events = EventAccumulator(str(running.folder / "events/faces")).Reload()
    assert [point.step for point in events.Scalars("portraits/kid")] == [32, 64]
    assert [picture.step for picture in events.Images("samples")] == [32, 64]

    running.cli("train", "film", "faces")
    assert len(frames_of(running.folder / "faces.mp4")) == 2 * HELD + FADED + LAST
