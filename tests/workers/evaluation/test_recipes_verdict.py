"""A word on a recipe needs trainings, not portraits."""

import pytest

from farm.errors import InvalidInput
from tests.workers.evaluation.made import described
from workers.evaluation.compare import compare
from workers.evaluation.described import Described
from workers.evaluation.judging import Terms
from workers.evaluation.recipes_verdict import compare_recipes

PHOTOS = described(150, seed=100, people=90)
QUICK = Terms(described=False)


def trainings(moved: tuple[float, ...], *, first: int) -> list[Described]:
    return [described(200, seed=first + n, moved=each) for n, each in enumerate(moved)]


def test_seeds_that_differ_do_not_make_a_better_recipe() -> None:
    a, b = trainings((0.1, 0.3, 0.5), first=1), trainings((0.15, 0.45, 0.4), first=11)
    assert compare(a[0], b[1], PHOTOS, kind="base", terms=QUICK).outcome == "worse"
    verdict = compare_recipes(a, b, PHOTOS, kind="base", terms=QUICK)
    assert verdict.outcome == "not distinguishable"
    assert verdict.claim == "this recipe" and verdict.seeds == (3, 3)
    need = verdict.figures[0].needed
    assert need is not None and need.seeds is not None and need.seeds > 3
    assert f"about {need.seeds:,} training seeds a side" in verdict.sentence()


def test_a_recipe_that_is_better_whatever_the_seed_is_found() -> None:
    a, b = trainings((0.8, 0.82, 0.78), first=1), trainings((0.1, 0.12, 0.08), first=11)
    verdict = compare_recipes(a, b, PHOTOS, kind="upscaler")
    assert verdict.outcome == "better"
    assert verdict.sentence().startswith("B is better than A (this recipe; 3 and 3 training seeds, 600 portraits")


def test_two_trainings_a_side_are_refused_with_what_is_needed() -> None:
    two = trainings((0.1, 0.2), first=1)
    with pytest.raises(InvalidInput, match=r"at least 3 training seeds a side, there are 2 and 2: train 1 and 1 more"):
        compare_recipes(two, two, PHOTOS, kind="base")
