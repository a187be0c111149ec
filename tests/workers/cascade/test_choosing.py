"""Candidates: the judge's choice is a function of the recipe, and what goes on is the winner's own portrait."""

from dataclasses import replace

import numpy as np
import pytest

from farm.errors import InvalidInput
from farm.recipe import Recipe
from tests.workers.cascade.tiny import random_cascade, recipes_of
from workers.cascade.cascade import Cascade
from workers.cascade.choosing import candidate_seeds
from workers.cascade.pixels import Picture


def rendered(cascade: Cascade, recipes: list[Recipe]) -> tuple[list[Picture], dict[int, int]]:
    won: dict[int, int] = {}
    pictures = list(cascade.render(recipes, told=lambda recipe, k: won.__setitem__(recipe.latent_seed, k)))
    return pictures, won


def several(cascade: Cascade, seeds: range, count: int, *, steps: int = 1) -> list[Recipe]:
    return [replace(recipe, candidates=count) for recipe in recipes_of(cascade, seeds, steps=steps)]


def test_a_seeds_first_candidate_is_the_seed_itself_and_the_others_are_its_own() -> None:
    assert candidate_seeds(7, 1) == [7]
    assert candidate_seeds(7, 3) == [7, 5032381729510184887, 7378721934205572932]
    assert candidate_seeds(7, 5)[:3] == candidate_seeds(7, 3)
    assert not set(candidate_seeds(8, 9)) & set(candidate_seeds(7, 9))


def test_the_best_candidate_goes_on_and_is_told() -> None:
    cascade = random_cascade(judged=True)
    assert cascade.judge is not None
    recipes = several(cascade, range(6), 5, steps=0)
    pictures, won = rendered(cascade, recipes)
    assert len(set(won.values())) > 1, "else nothing was chosen"
    for recipe, picture in zip(recipes, pictures, strict=True):
        own = candidate_seeds(recipe.latent_seed, 5)
        faces = list(cascade.render(recipes_of(cascade, own, steps=0)))
        scores = list(cascade.judge.scores(faces))
        assert won[recipe.latent_seed] == scores.index(max(scores))
        assert np.array_equal(picture, faces[won[recipe.latent_seed]])


def test_company_and_order_change_no_choice_and_no_pixel() -> None:
    cascade = random_cascade(judged=True)
    recipes = (
        several(cascade, range(5), 3) + recipes_of(cascade, range(5, 7), steps=1) + several(cascade, range(7, 9), 9)
    )
    together, won = rendered(cascade, recipes)
    for recipe, picture in zip(recipes[::-1], together[::-1], strict=True):
        (alone,), won_alone = rendered(cascade, [recipe])
        assert np.array_equal(alone, picture)
        assert won_alone.get(recipe.latent_seed) == won.get(recipe.latent_seed)
    assert set(won) == {0, 1, 2, 3, 4, 7, 8}, "where there is no choice none is told"


def test_only_the_base_paints_the_losers() -> None:
    """The upscaler's noise is the seed's own, whoever won: the enlargement of the winner's face under this recipe."""
    cascade = random_cascade(judged=True)
    recipe = next(each for each in several(cascade, range(9), 4) if rendered(cascade, [each])[1][each.latent_seed] > 0)
    (picture,), won = rendered(cascade, [recipe])
    winner = candidate_seeds(recipe.latent_seed, 4)[won[recipe.latent_seed]]
    (same,) = cascade.render([replace(recipe, latent_seed=winner, candidates=1)])
    assert np.array_equal(picture, same)


def test_without_a_judge_there_is_no_choice() -> None:
    cascade = random_cascade()
    with pytest.raises(InvalidInput, match="the recipe does not fit") as caught:
        list(cascade.render(several(cascade, range(1), 2)))
    assert [problem.field for problem in caught.value.problems] == ["candidates"]


def test_one_candidate_is_no_part_of_a_recipe_and_several_are() -> None:
    (plain,) = recipes_of(random_cascade(), [3])
    assert "candidates" not in plain.to_json()
    chosen = replace(plain, candidates=4)
    assert chosen.to_json()["candidates"] == 4
    assert Recipe.from_json(chosen.to_json()) == chosen
    assert chosen.digest != plain.digest
    for wrong in (0, 65, True, "4"):
        with pytest.raises(InvalidInput):
            Recipe.from_json(chosen.to_json() | {"candidates": wrong})
