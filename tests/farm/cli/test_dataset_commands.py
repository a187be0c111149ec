"""Policies, comparisons, reports and reverdicts by the command line, here and at a farm elsewhere."""

import json
from pathlib import Path

import pytest

from farm.ledger.reviews import ReviewEvent
from farm.service import Service
from farm.specs.labels import parse_labels
from farm.storage import keys
from tests.farm.albums import add_album, toy_rows
from tests.farm.cli.conftest import Farm
from tests.farm.cli.test_remote_record import away  # noqa: F401


@pytest.fixture(params=["here", "away"])
def anywhere(request: pytest.FixtureRequest) -> Farm:
    """The command on the farm's own machine, and with an address and a key."""
    farm: Farm = request.getfixturevalue("farm" if request.param == "here" else "away")
    return farm


@pytest.fixture
def versions(service: Service) -> None:
    """Two versions of 40 photos; the second drops one more, lets one teach less, and has one more."""
    rows = toy_rows()
    add_album(service, rows)
    later = [dict(row) for row in rows]
    later[1] |= {"verdict": "drop", "reason": "blurred by 3.0 px; 1.5 px is tolerated", "gate": "blur", "teaches": []}
    later[2] |= {"teaches": [64]}
    add_album(service, [*later, {**rows[0], "file": "new.jpg", "sha256": "ab" * 32}])
    service.storage.put(keys.dataset_report("studio", 2), b"<html>the report</html>")


@pytest.mark.usefixtures("versions")
def test_versions_are_shown_compared_and_reported(anywhere: Farm, tmp_path: Path) -> None:
    shown = anywhere("dataset", "show", "studio").out
    assert "  teaches 64 px: 32 photos" in shown and "  teaches 128 px: 31 photos" in shown
    assert "  dropped by blur: 1 photo, for example: blurred by 3.0 px" in shown
    assert json.loads(anywhere("dataset", "show", "studio@1", "--json").out)["teaches"]["128"] == 33

    told = anywhere("dataset", "compare", "studio@1", "studio")
    lines = [" ".join(line.split()) for line in told.out.splitlines()]
    assert {"keep 33 32", "drop 7 9", "teaches 64 px 33 32", "teaches 128 px 33 31", "3 photos changed"} <= set(lines)
    assert "0001.jpg: now dropped: blurred by 3.0 px; 1.5 px is tolerated" in lines
    assert "0002.jpg: no longer teaches 128 px" in lines
    assert "new.jpg: only in the second" in lines
    changes = json.loads(anywhere("dataset", "compare", "studio@2", "studio@1", "--json").out)["changes"]
    assert [change["why"] for change in changes] == [
        "now kept; was dropped: blurred by 3.0 px; 1.5 px is tolerated",
        "now also teaches 128 px",
        "only in the first",
    ]
    assert "NAME: write name or name@version" in anywhere("dataset", "compare", "studio@x", "studio").err

    out = tmp_path / "report.html"
    assert anywhere("dataset", "report", "studio", "--out", str(out)).out == f"{out}\n"
    assert out.read_bytes() == b"<html>the report</html>"
    assert "has no report" in anywhere("dataset", "report", "studio@1", "--out", str(out)).err


@pytest.mark.usefixtures("versions")
def test_a_version_is_judged_again_by_a_file_and_by_reviewers(anywhere: Farm, service: Service, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text("max_drawn = 0.3\n[stages.1024]\nmin_jpeg = 80\n")
    said = anywhere("dataset", "reverdict", "studio@1", "--policy", str(policy))
    assert "judges studio@1 again, as version 3" in said.out, said.err
    [view] = service.jobs(kind="reverdict")
    assert (view.job.spec["policy"]["max_drawn"], view.job.spec["policy"]["max_halftone"]) == (0.3, 0.5)
    assert view.job.spec["policy"]["stages"]["1024"]["min_jpeg"] == 80

    policy.write_text("max_drawn = 3\nmin_jpg = 1\n")
    wrong = anywhere("dataset", "reverdict", "studio", "--policy", str(policy))
    assert wrong.code == 2
    assert "--policy max_drawn: " in wrong.err and "--policy min_jpg: " in wrong.err
    assert "nobody has reviewed" in anywhere("dataset", "reverdict", "studio", "--labels").err

    row = toy_rows()[0]
    event = ReviewEvent(sha256=row["sha256"], label="keep", event="1", decided_at=1.0)
    service.ledger.reviews.add("studio", [event], reviewer="ann", owner="")
    assert anywhere("dataset", "reverdict", "studio@2", "--labels", "--sure", "0.9").code == 0
    newest = max(service.jobs(kind="reverdict"), key=lambda view: view.job.id).job
    labels = parse_labels(service.storage.get(keys.intake(newest.spec["labels"]))).labels
    assert labels[row["sha256"]] == "keep"
    assert "--sure: " in anywhere("dataset", "reverdict", "studio@2", "--sure", "0.2").err


def test_the_default_policy_is_printed_and_can_be_given(farm: Farm, service: Service, tmp_path: Path) -> None:
    policy, photos = tmp_path / "policy.toml", tmp_path / "photos"
    policy.write_text(farm("dataset", "policy").out)
    photos.mkdir()
    (photos / "a.jpg").write_bytes(b"\xff\xd8\xff not a photograph")
    said = farm("dataset", "add", "mine", str(photos), "--policy", str(policy), "--min-native", "100")
    assert said.code == 0, said.err
    [view] = service.jobs(kind="curate")
    assert view.job.spec["policy"]["min_native_px"] == 100
    policy.write_bytes(b"\xff\xfe")
    assert "is not text" in farm("dataset", "add", "mine", str(photos), "--policy", str(policy)).err
    assert "cannot be read" in farm("dataset", "add", "mine", str(photos), "--policy", str(tmp_path / "none")).err
