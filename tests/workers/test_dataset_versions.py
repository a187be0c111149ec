"""Datasets by a real worker: photographs in, a version; judged again, another; side by side."""

import gzip
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from farm.errors import Conflict, InvalidInput
from farm.ledger import JobState
from farm.ledger.reviews import ReviewEvent
from farm.service import Service
from farm.service.photos import files_in
from farm.specs.policy import parse_policy
from farm.storage import keys
from tests.farm.conftest import new_ledger_file, queue, service, settings  # noqa: F401
from tests.farm.stocking import toy_worker
from workers.lifecycle import Post, Runner
from workers.tasks.curate import CurateTask
from workers.tasks.finalise import FinaliseTask
from workers.tasks.reverdict import ReverdictTask

PHOTOS = Path(__file__).parents[2] / "deploy/demo/photos"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three studio portraits, one of them twice and once reduced, and a file that is no picture."""
    made = tmp_path / "photos"
    made.mkdir()
    for name in ("001.jpg", "006.jpg", "009.jpg"):
        shutil.copy(PHOTOS / name, made)
    shutil.copy(PHOTOS / "001.jpg", made / "copy.jpg")
    with Image.open(PHOTOS / "006.jpg") as image:
        image.resize((image.width // 2, image.height // 2)).save(made / "reduced.jpg", quality=92)
    (made / "notes.txt").write_text("no picture")
    return made


def work(service: Service) -> None:  # noqa: F811
    toy_worker(service.ledger, "ada")
    told: dict[str, Any] = {"storage": service.storage, "settings": service.settings}
    runner = Runner(
        ledger=service.ledger,
        dispatcher=service.dispatcher,
        post=Post("ada", ("cpu",)),
        handlers={
            "curate": CurateTask(**told),
            "reverdict": ReverdictTask(**told, ledger=service.ledger),
            "finalise": FinaliseTask(**told, ledger=service.ledger),
        },
        settings=service.settings,
    )
    while runner.serve("cpu") != "nothing to claim":
        pass
    assert {view.job.state for view in service.jobs()} == {JobState.DONE}


def photos(service: Service, version: int) -> dict[str, dict[str, Any]]:  # noqa: F811
    body = service.storage.get(keys.dataset_photos("studio", version))
    return {row["file"]: row for row in map(json.loads, gzip.decompress(body).splitlines())}


def test_a_version_is_judged_again_by_policy_and_by_reviewers(service: Service, folder: Path) -> None:  # noqa: F811
    # Given a dataset
    service.add_dataset("studio", files_in(folder))
    work(service)
    first = photos(service, 1)
    assert {file for file, row in first.items() if row["verdict"] == "keep"} == {"001.jpg", "006.jpg", "009.jpg"}
    assert first["copy.jpg"]["gate"] == "same_file"
    assert (first["reduced.jpg"]["gate"], first["reduced.jpg"]["group"]) == (
        "near_duplicate",
        first["006.jpg"]["group"],
    )
    assert first["notes.txt"]["preview"] is None
    for file in ("001.jpg", "reduced.jpg"):
        assert Image.open(io.BytesIO(service.storage.get(first[file]["preview"]))).format == "JPEG"
    shown = service.datasets.show("studio")
    assert (shown.dataset.kept, shown.teaches[64], shown.teaches[4096]) == (3, 3, 0)
    assert shown.gates == {"same_file": 1, "near_duplicate": 1, "readable": 1}
    assert b"<html" in service.datasets.report("studio@1")

    # When its photos are gone and it is judged by a policy that wants more, and keeps copies
    for row in first.values():
        service.storage.delete(keys.photo(row["sha256"], row["ext"]))
    policy = parse_policy('min_native_px = 4000\nnear_duplicates = "keep"')
    submitted = service.submit(service.datasets.again("studio", policy=policy, labels=False))
    assert (submitted.job.spec["of_version"], submitted.job.spec["version"]) == (1, 2)
    work(service)

    # Then there is another version, and what changed is told
    found = service.datasets.compare("studio@1", "studio@2")
    assert found.verdicts == {"keep": (3, 0), "drop": (3, 6)}
    assert found.changed == len(found.changes) == 5
    assert all("too small: detail for" in change.why for change in found.changes)
    assert {file: row["split"] for file, row in photos(service, 2).items()} == {
        file: row["split"] for file, row in first.items()
    }
    assert photos(service, 1) == first

    # And reviewers have the last word; a tie has none. The policy is the version's own
    said = {"001.jpg": ("keep", "keep", "drop"), "006.jpg": ("keep", "drop")}
    for place, name in enumerate(("ann", "bob", "cat")):
        events = [
            ReviewEvent(sha256=first[file]["sha256"], label=labels[place], event=file, decided_at=1.0)
            for file, labels in said.items()
            if place < len(labels)
        ]
        service.ledger.reviews.add("studio", events, reviewer=name, owner="")
    service.submit(service.datasets.again("studio@2", policy=None, labels=True))
    work(service)
    third = photos(service, 3)
    assert (third["001.jpg"]["verdict"], third["006.jpg"]["gate"]) == ("keep", photos(service, 2)["006.jpg"]["gate"])
    assert json.loads(service.storage.get(keys.dataset_policy("studio", 3)))["min_native_px"] == 4000


def test_what_points_nowhere_is_told(service: Service, folder: Path) -> None:  # noqa: F811
    with pytest.raises(InvalidInput, match="there is no dataset studio"):
        service.submit(service.datasets.again("studio", policy=None, labels=False))
    service.add_dataset("studio", files_in(folder), min_native_px=100)
    work(service)
    assert json.loads(service.storage.get(keys.dataset_policy("studio", 1)))["min_native_px"] == 100
    with pytest.raises(InvalidInput, match="nobody has reviewed"):
        service.datasets.again("studio", policy=None, labels=True)
    with pytest.raises(InvalidInput, match="were not stored"):
        service.submit({"kind": "reverdict", "dataset": "studio", "labels": "ab" * 32})
    service.storage.put(keys.intake("cd" * 32), b'{"version":1,"labels":{"x":"keep"}}')
    with pytest.raises(InvalidInput) as wrong:
        service.submit({"kind": "reverdict", "dataset": "studio", "labels": "cd" * 32})
    assert [problem.field for problem in wrong.value.problems] == ["labels"]

    # A list of photos that is damaged, or was never written, is one clear error
    service.storage.put(keys.dataset_photos("studio", 1), b"\x1f\x8b no gzip", if_absent=False)
    with pytest.raises(Conflict, match="is damaged"):
        service.datasets.compare("studio", "studio@1")
    service.storage.delete(keys.dataset_photos("studio", 1))
    with pytest.raises(Conflict, match="has no list of photos"):
        service.datasets.compare("studio", "studio@1")
    assert service.datasets.show("studio").teaches == {}
