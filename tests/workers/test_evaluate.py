"""Evaluations against the demo photographs, of a tiny cascade: real pictures, ledger and storage."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from farm.errors import Conflict, InvalidInput
from farm.ledger import JobState
from farm.service.photos import files_in
from farm.storage import keys
from tests.workers.evaluation.networks import network_file
from tests.workers.evaluation_studio import DEMO, GROUND, Studio, opened, read_label
from workers.evaluation.feature_file import to_file

FIRST = tuple(map(str, range(64)))
EVALUATE = {"kind": "evaluate", "of": "tiny", "portraits": 70, **GROUND}

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with opened(tmp_path_factory.mktemp("evaluations")) as made:
        made.stock()
        yield made


@pytest.fixture(scope="module")
def job(studio: Studio) -> int:
    return studio.done(EVALUATE)


def problems(studio: Studio, spec: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(InvalidInput) as caught:
        studio.service.submit(spec)
    return {problem.field: problem.message for problem in caught.value.problems}


def test_figures_are_told_with_what_they_stand_on(studio: Studio, job: int) -> None:
    found = studio.evaluation(job)
    assert (found["portraits"], found["photos"], found["people"], found["size_px"]) == (70, 24, 24, 32)
    assert (found["against"], found["split"], found["title"]) == ("studio@1", "all", "tiny@1")
    assert {row["name"] for row in found["figures"]}
    assert all(np.isfinite(row["value"]) for row in found["figures"])
    assert any("24 photos of 24 people" in warning for warning in found["warnings"])
    assert any("learned from" in warning for warning in found["warnings"])


def test_an_upscaler_is_checked_and_a_base_alone_has_none(studio: Studio, job: int) -> None:
    found = {row["name"]: row for row in studio.evaluation(job)["figures"]}
    for name in ("consistency", "shift_stability"):
        assert found[name]["interval"][0] < found[name]["value"] < found[name]["interval"][1] < 99
        assert "16 portraits" in found[name]["words"]
    base = studio.evaluation(studio.done({**EVALUATE, "size_px": 16, "portraits": 50}))
    assert "consistency" not in {row["name"] for row in base["figures"]}


def test_the_same_again_describes_nothing_and_more_portraits_only_those(studio: Studio, job: int) -> None:
    before = studio.features()
    again = studio.done(EVALUATE)
    assert studio.features() == before
    same = ("figures", "warnings", "sources")
    assert {k: studio.evaluation(again)[k] for k in same} == {k: studio.evaluation(job)[k] for k in same}
    studio.done({**EVALUATE, "portraits": 80})
    new = studio.features().keys() - before.keys()
    assert len(new) == 1, "the first 64 portraits and the photographs are the same"


def test_damaged_features_are_described_again_and_no_others(
    studio: Studio, job: int, caplog: pytest.LogCaptureFixture
) -> None:
    key = next(key for key in studio.features() if read_label(studio.storage.get(key))[0].names == FIRST)
    whole = studio.storage.get(key)
    studio.storage.put(key, whole[:-100] + bytes([whole[-100] ^ 1]) + whole[-99:], if_absent=False)
    again = studio.done(EVALUATE)
    assert studio.storage.get(key) == whole
    assert f"{key} is described again: it is damaged" in caplog.text
    assert studio.evaluation(again)["figures"] == studio.evaluation(job)["figures"]


def test_features_that_are_damaged_at_the_end_fail_the_job_and_say_what_to_do(studio: Studio) -> None:
    job_id = studio.submit({**EVALUATE, "portraits": 50, "seed": 500})
    while studio.ledger.get_job(job_id).state is not JobState.FINISHING:
        assert studio.step()
    key = next(iter(studio.features()))
    whole = studio.storage.get(key)
    for key in studio.features():
        studio.storage.put(key, b"not features", if_absent=False)
    told = studio.failed(job_id)
    assert "is no good (it is damaged: it has no header); submit the evaluation again" in told
    for key in studio.features():
        studio.storage.delete(key)
    assert studio.storage.put(key, whole)


def test_another_extractors_features_are_not_believed(
    studio: Studio, job: int, caplog: pytest.LogCaptureFixture
) -> None:
    work = studio.handlers["evaluate"]
    assert work is not None
    studio.done(EVALUATE)
    for key in studio.features():
        label, arrays = read_label(studio.storage.get(key))
        foreign = to_file(arrays, replace(label, extractor="f" * 64))
        studio.storage.put(key, foreign, if_absent=False)
    again = studio.done(EVALUATE)
    assert "is described again: it was described by another extractor (ffffffffffff)" in caplog.text
    assert studio.evaluation(again)["figures"] == studio.evaluation(job)["figures"]


def test_every_mistake_is_told_at_once(studio: Studio) -> None:
    told = problems(studio, {"kind": "evaluate", "of": "nobody", "against": "nothing", "extractor": "0" * 64})
    assert told.keys() == {"of", "against", "extractor"}
    assert "nothing is called 'nobody'" in told["of"]
    assert "tiny@1" in told["of"]
    assert "studio@1" in told["against"]
    assert "--extractor FILE.onnx" in told["extractor"]


def test_jobs_that_have_no_portraits_or_too_few(studio: Studio, job: int) -> None:
    few = studio.done({"kind": "render", "cascade": "tiny", "seeds": "0..9", "size_px": 32})
    assert problems(studio, {**EVALUATE, "of": str(few)}) == {
        "of": f"job {few} has 10 portraits: at least 50 are needed"
    }
    told = problems(studio, {**EVALUATE, "of": str(job)})
    assert told == {"of": f"job {job} is a evaluate job; portraits are read from render jobs"}
    assert problems(studio, {**EVALUATE, "of": "999"}) == {"of": "there is no job 999"}


def test_portraits_of_another_size_are_refused(studio: Studio) -> None:
    small = studio.done({"kind": "render", "cascade": "tiny", "seeds": "0..59", "size_px": 16})
    told = problems(studio, {**EVALUATE, "of": str(small)})
    assert told == {"size_px": f"32 px is more than there is: job {small} has 16 px; a picture is only ever reduced"}
    sides = {"kind": "compare", "sides": [str(small), "tiny"], **GROUND, "size_px": None}
    assert "are of different sizes" in problems(studio, sides)["size_px"]
    found = studio.evaluation(studio.done({**EVALUATE, "of": str(small), "size_px": None}))
    assert (found["size_px"], found["portraits"]) == (16, 60)


def test_photographs_of_too_few_people_are_refused_with_numbers(studio: Studio) -> None:
    told = problems(studio, {**EVALUATE, "split": "test"})["against"]
    assert re.match(
        r"studio@1 has \d photos? of \d (person|people) with true detail of 32 px in its split 'test'", told
    )
    assert "at least 20 people are needed; add photographs, ask for a smaller size, or take them all" in told
    few = DEMO / "photos"
    studio.service.add_dataset(
        "three", [each for each in files_in(few) if each.name in ("001.jpg", "006.jpg", "009.jpg")]
    )
    while studio.step_or_fail() and studio.ledger.datasets("three") == []:
        pass
    told_at_once = problems(studio, {**EVALUATE, "against": "three"})
    assert told_at_once == {"against": "three@1 kept 3 photos: at least 20 people are needed; add photographs"}


def test_a_result_is_read_when_it_is_there(studio: Studio) -> None:
    job_id = studio.submit({**EVALUATE, "portraits": 50, "seed": 90_000})
    with pytest.raises(Conflict, match="is queued; its result is there when it is done"):
        studio.evaluation(job_id)
    with pytest.raises(Conflict, match="not a compare job"):
        studio.verdict(job_id)
    studio.ended(job_id)
    assert studio.evaluation(job_id)["job"] == job_id
    assert studio.storage.head(keys.evaluation(job_id)) is not None


def test_a_network_of_the_users_own_describes_them_as_well(studio: Studio, job: int) -> None:
    network = studio.service.put_intake(network_file(side="side"))
    assert network.holds == "network"
    before = studio.features()
    spec = {**EVALUATE, "extractor": network.sha256, "treatment": "imagenet"}
    found = studio.evaluation(studio.done(spec))
    assert found["own_network"]["file"] == network.sha256
    named = {row["name"]: row for row in found["figures"]}
    assert named["fid (own network)"]["value"] > 0
    assert [row for row in found["figures"] if "own network" not in row["name"]] == studio.evaluation(job)["figures"]
    assert all(studio.features()[key] == written for key, written in before.items())
    nonsense = studio.service.put_intake(b"\x08 no network")
    assert "not an ONNX network" in studio.failed(studio.submit({**spec, "extractor": nonsense.sha256}))


@pytest.fixture(scope="module")
def trained(studio: Studio) -> Studio:
    """A base and an upscaler of a few steps each."""
    base = {"kind": "train", "run": "faces", "stage": "base", "dataset": "studio", "preset": "smoke-base-16"}
    studio.done({**base, "total_nimg": 16})
    larger = {**base, "run": "larger", "stage": "upscaler", "preset": "smoke-up-32", "stage_before": "faces"}
    studio.done({**larger, "total_nimg": 16})
    return studio


def test_a_runs_last_checkpoint_is_measured_as_the_cascade_made_of_it(trained: Studio) -> None:
    run = trained.evaluation(trained.done({**EVALUATE, "of": "faces", "portraits": 50, "size_px": None}))
    assert (run["size_px"], run["title"]) == (16, "faces")
    trained.done({"kind": "assemble", "cascade": "made", "runs": ["faces"]})
    made = trained.evaluation(trained.done({**EVALUATE, "of": "made", "portraits": 50, "size_px": None}))
    assert made["figures"] == run["figures"]


def test_an_upscaler_enlarges_the_photographs_it_is_compared_with(trained: Studio) -> None:
    found = trained.evaluation(trained.done({**EVALUATE, "of": "larger", "size_px": None}))
    assert (found["size_px"], found["portraits"], found["photos"]) == (32, 24, 24)
    told = problems(trained, {"kind": "compare", "sides": ["larger", "tiny"], **GROUND})
    assert "compare like with like" in told["sides"]


def test_a_name_of_two_things_asks_which(trained: Studio) -> None:
    trained.done({"kind": "assemble", "cascade": "faces", "runs": ["faces"]})
    assert problems(trained, {**EVALUATE, "of": "faces"})["of"] == (
        "a run and a cascade are called 'faces': write run:faces or cascade:faces"
    )
    found = trained.evaluation(trained.done({**EVALUATE, "of": "run:faces", "portraits": 50, "size_px": 16}))
    assert found["sources"][0]["kind"] == "run"
