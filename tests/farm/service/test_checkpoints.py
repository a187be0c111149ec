"""A run goes on from a checkpoint made elsewhere."""

import json
from pathlib import Path

import pytest

from farm.errors import CheckpointInvalid, InvalidInput
from farm.service import Service
from farm.storage import keys
from tests.farm.stocking import add_dataset, sha

TRAIN = {"kind": "train", "run": "faces", "stage": "base", "dataset": "studio", "preset": "smoke-base-16"}
WEIGHTS = b"weights"


def checkpoint(folder: Path, **changes: object) -> Path:
    state = {"nimg": 24, "files": {"weights.safetensors": sha(WEIGHTS)}, **changes}
    folder.mkdir(exist_ok=True)
    (folder / "weights.safetensors").write_bytes(WEIGHTS)
    (folder / "state.json").write_text(json.dumps(state))
    return folder


def test_a_run_starts_where_the_checkpoint_stands(service: Service, tmp_path: Path) -> None:
    add_dataset(service)

    digest = service.upload_checkpoint(checkpoint(tmp_path / "c"))
    job = service.submit({**TRAIN, "checkpoint": digest}).job

    assert (job.total, job.spec["start_nimg"]) == (64 - 24, 24)
    assert service.storage.get(keys.intake(sha(WEIGHTS))) == WEIGHTS


def test_a_run_that_is_over_before_it_begins_is_refused(service: Service, tmp_path: Path) -> None:
    add_dataset(service)
    digest = service.upload_checkpoint(checkpoint(tmp_path / "c", nimg=64))

    with pytest.raises(InvalidInput) as refused:
        service.submit({**TRAIN, "checkpoint": digest})

    assert [problem.field for problem in refused.value.problems] == ["checkpoint"]


def test_a_checkpoint_that_was_not_sent_is_named_beside_other_mistakes(service: Service) -> None:
    with pytest.raises(InvalidInput) as refused:
        service.submit({**TRAIN, "checkpoint": "0" * 64})

    assert {problem.field for problem in refused.value.problems} == {"checkpoint", "dataset"}


@pytest.mark.parametrize(
    "changes",
    [
        {"nimg": 0},
        {"nimg": "24"},
        {"files": []},
        {"files": {"../weights.safetensors": sha(WEIGHTS)}},
        {"files": {"weights.pickle": sha(WEIGHTS)}},
        {"files": {"weights.safetensors": "x"}},
        {"files": {"weights.safetensors": sha(b"others")}},
        {"files": {"missing.safetensors": sha(b"others")}},
    ],
    ids=str,
)
def test_a_checkpoint_that_is_damaged_is_refused_and_its_state_not_kept(
    service: Service, tmp_path: Path, changes: dict[str, object]
) -> None:
    with pytest.raises(CheckpointInvalid):
        service.upload_checkpoint(checkpoint(tmp_path / "c", **changes))

    assert list(service.storage.list("intakes/")) == []


def test_a_folder_that_is_no_checkpoint_is_refused(service: Service, tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    for text in (None, "", "[]", "{", "x" * 1_000_001):
        if text is not None:
            (tmp_path / "c/state.json").write_text(text)
        with pytest.raises(CheckpointInvalid):
            service.upload_checkpoint(tmp_path / "c")


def test_a_cascade_is_assembled_from_checkpoints_made_elsewhere(service: Service, tmp_path: Path) -> None:
    base = service.upload_checkpoint(checkpoint(tmp_path / "base", config={"preset": "smoke-base-16"}))
    upscaler = service.upload_checkpoint(checkpoint(tmp_path / "up", config={"preset": "smoke-up-32"}))

    assert service.submit({"kind": "assemble", "cascade": "c", "runs": [base, upscaler]}).created
    with pytest.raises(InvalidInput) as swapped:
        service.submit({"kind": "assemble", "cascade": "c", "runs": [upscaler, base]})
    assert {problem.field for problem in swapped.value.problems} == {"runs.0", "runs.1"}


def test_a_stage_made_elsewhere_by_an_unknown_preset_is_refused(service: Service, tmp_path: Path) -> None:
    foreign = service.upload_checkpoint(checkpoint(tmp_path / "c", config={"preset": "theirs"}))
    with pytest.raises(InvalidInput, match="theirs"):
        service.submit({"kind": "assemble", "cascade": "c", "runs": [foreign]})
