"""Comparisons on the farm: the same weights, damaged portraits, looks on the way, recipes."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from farm.errors import InvalidInput
from tests.workers.evaluation_studio import GROUND, Studio, opened

COMPARE = {"kind": "compare", "portraits": 60, **GROUND}

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with opened(tmp_path_factory.mktemp("comparisons")) as made:
        made.stock()
        yield made


def problems(studio: Studio, spec: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(InvalidInput) as caught:
        studio.service.submit(spec)
    return {problem.field: problem.message for problem in caught.value.problems}


def test_the_same_weights_from_other_seeds_are_not_distinguishable(studio: Studio) -> None:
    found = studio.verdict(studio.done({**COMPARE, "sides": ["tiny", "tiny"], "seeds": [0, 5000]}))
    (pair,) = found["pairs"]
    assert pair["outcome"] == "not distinguishable"
    assert (pair["a"], pair["b"]) == ("tiny@1 from seed 0", "tiny@1 from seed 5000")
    assert (pair["paired"], pair["claim"], pair["people"]) == (False, "these weights", 24)
    assert "cannot be told apart" in pair["sentence"]


def test_portraits_that_all_look_alike_are_worse(studio: Studio) -> None:
    plain = studio.done({"kind": "render", "cascade": "tiny", "seeds": "0..59", "size_px": 16})
    dull = studio.done({"kind": "render", "cascade": "tiny", "seeds": "100..159", "size_px": 16, "psi": 0.05})
    found = studio.verdict(studio.done({**COMPARE, "sides": [str(plain), str(dull)], "size_px": 16}))
    (pair,) = found["pairs"]
    assert (pair["outcome"], pair["kind"]) == ("worse", "base")
    assert f"job {dull} is worse than job {plain}" in pair["sentence"]


def test_what_is_decided_early_is_not_painted_to_the_end(studio: Studio) -> None:
    plain = studio.done({"kind": "render", "cascade": "tiny", "seeds": "0..399", "size_px": 16})
    dull = studio.done({"kind": "render", "cascade": "tiny", "seeds": "1000..1399", "size_px": 16, "psi": 0.05})
    before = studio.features()
    spec = {**COMPARE, "sides": [str(plain), str(dull)], "size_px": 16, "portraits": 400, "sequential": True}
    job_id = studio.done(spec)
    found = studio.verdict(job_id)
    (pair,) = found["pairs"]
    assert (pair["outcome"], pair["looks"]) == ("worse", 5)
    assert pair["look"] < 5
    assert found["portraits"] < found["planned"] == 400
    described = studio.features().keys() - before.keys()
    assert len(described) < 2 * 7
    (first, *_) = [info.key for info in studio.storage.list(f"jobs/{job_id}/looks/")]
    assert json.loads(studio.storage.get(first))["look"] == 1


def test_what_is_the_same_is_looked_at_five_times(studio: Studio) -> None:
    spec = {**COMPARE, "sides": ["tiny", "tiny"], "seeds": [0, 5000], "size_px": 16, "portraits": 320}
    found = studio.verdict(studio.done({**spec, "sequential": True}))
    assert (found["pairs"][0]["outcome"], found["pairs"][0]["look"]) == ("not distinguishable", 5)
    assert found["portraits"] == 320


def test_a_recipe_is_told_from_three_runs_a_side(studio: Studio) -> None:
    base = {"kind": "train", "stage": "base", "dataset": "studio", "preset": "smoke-base-16", "total_nimg": 16}
    studio.done({**base, "run": "run-0"})
    for seed in range(1, 6):
        studio.trained_alike("run-0", f"run-{seed}", seed=seed)
    sides = ["run-0,run-1,run-2", "run-3, run-4, run-5"]
    found = studio.verdict(studio.done({**COMPARE, "sides": sides, "claim": "recipe", "size_px": 16}))
    (pair,) = found["pairs"]
    assert (pair["claim"], pair["seeds"]) == ("this recipe", [3, 3])
    assert pair["outcome"] == "not distinguishable"
    told = problems(studio, {**COMPARE, "sides": ["run-0,run-1,run-0", "run-3,run-4,run-5"], "claim": "recipe"})
    assert told["sides"] == "run-0 stands twice: a recipe is told from trainings that differ in their seed"


def test_wrong_sides_are_told(studio: Studio) -> None:
    told = problems(studio, {**COMPARE, "sides": ["tiny,tiny,tiny", "tiny,tiny"], "claim": "recipe"})
    assert "at least 3 a side" in next(iter(told.values()))
    told = problems(studio, {**COMPARE, "sides": ["tiny,tiny,tiny", "tiny"]})
    assert "set claim to recipe" in next(iter(told.values()))
    told = problems(studio, {**COMPARE, "sides": ["tiny", "nobody", "§"]})
    assert "'§' is no name" in next(iter(told.values()))
    told = problems(studio, {**COMPARE, "sides": ["tiny", "nobody", "else"]})
    assert told.keys() == {"sides.1", "sides.2"}
    told = problems(studio, {**COMPARE, "sides": ["tiny", "tiny"], "sequential": True})
    assert "at least 320 portraits" in next(iter(told.values()))
