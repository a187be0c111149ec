"""A base that is trained on a farm is measured after every slice, and has a page."""

from pathlib import Path

import pytest

from tests.e2e.conftest import RunningFarm

PHOTOS = Path(__file__).parents[2] / "deploy/demo/photos"


@pytest.mark.timeout(600)
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

    compared = running.cli("train", "compare")
    assert "faces" in compared and "kid" in compared
