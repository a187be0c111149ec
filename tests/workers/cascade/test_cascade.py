"""Recipes in, portraits out: the same bytes in any batch, order and process."""

import hashlib
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from farm.errors import InvalidInput
from farm.recipe import Recipe, Step
from tests.workers.cascade.tiny import random_cascade, recipes_of
from workers.cascade.cascade import Cascade
from workers.cascade.pixels import Picture, area_resample


@pytest.fixture(scope="module")
def cascade() -> Cascade:
    return random_cascade()


def one(cascade: Cascade, recipe: Recipe) -> Picture:
    (picture,) = cascade.render([recipe])
    return picture


def test_every_size_of_the_cascade_can_be_rendered(cascade: Cascade) -> None:
    assert cascade.sizes_px == (16, 32, 128)
    for steps, side in enumerate(cascade.sizes_px):
        picture = one(cascade, recipes_of(cascade, [3], steps=steps)[0])
        assert picture.shape == (side, side, 3)
        assert picture.dtype == np.uint8
        assert picture.std() > 5


def test_a_portrait_does_not_depend_on_its_batch_or_its_order(cascade: Cascade) -> None:
    recipes = recipes_of(cascade, range(7))
    together = list(cascade.render(recipes))
    assert all(np.array_equal(one(cascade, r), p) for r, p in zip(recipes, together, strict=True))
    backwards = list(cascade.render(recipes[::-1]))[::-1]
    assert all(np.array_equal(p, q) for p, q in zip(together, backwards, strict=True))


def test_recipes_of_different_chains_come_out_in_order(cascade: Cascade) -> None:
    mixed = [recipes_of(cascade, [seed], steps=seed % 3)[0] for seed in range(7)]
    found = list(cascade.render(mixed))
    assert [p.shape[0] for p in found] == [recipe.size_px for recipe in mixed]
    assert all(np.array_equal(one(cascade, r), p) for r, p in zip(mixed, found, strict=True))


def test_small_windows_give_the_same_portraits() -> None:
    whole, tiled = random_cascade(window_px=64), random_cascade(window_px=20)
    first = one(whole, recipes_of(whole, [11])[0])
    assert np.array_equal(one(tiled, recipes_of(tiled, [11])[0]), first)


@pytest.mark.timeout(300)
def test_another_process_renders_the_same_bytes(cascade: Cascade) -> None:
    """A fresh interpreter, its random state elsewhere, a portrait from the middle of a batch."""
    code = (
        "import hashlib, torch; torch.manual_seed(99); torch.set_num_threads(1)\n"
        "from tests.workers.cascade.tiny import random_cascade, recipes_of\n"
        "c = random_cascade(); p = list(c.render(recipes_of(c, [8, 4, 5])))[1]\n"
        "print(c.digest, hashlib.sha256(p.tobytes()).hexdigest())"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=100).stdout
    picture = one(cascade, recipes_of(cascade, [4])[0])
    assert told.split() == [cascade.digest, hashlib.sha256(picture.tobytes()).hexdigest()]


def test_each_part_of_the_recipe_decides_something(cascade: Cascade) -> None:
    recipe = recipes_of(cascade, [4])[0]
    first, second = recipe.steps
    others = [
        replace(recipe, latent_seed=5),
        replace(recipe, noise_seed=5),
        replace(recipe, psi=0.7),
        replace(recipe, steps=(replace(first, sigma=0.1), second)),
        replace(recipe, steps=(first, replace(second, scale_log2=-0.5))),
    ]
    pictures = [one(cascade, each).tobytes() for each in [recipe, *others]]
    assert len(set(pictures)) == len(pictures)


def test_the_noise_can_be_held_still_while_the_latent_moves(cascade: Cascade) -> None:
    """The base takes no noise: another noise seed changes only what the upscalers paint."""
    recipe = recipes_of(cascade, [4], steps=0)[0]
    assert np.array_equal(one(cascade, recipe), one(cascade, replace(recipe, noise_seed=77)))


def test_psi_zero_is_one_face(cascade: Cascade) -> None:
    recipes = [replace(recipe, psi=0.0) for recipe in recipes_of(cascade, [1, 2], steps=0)]
    first, second = cascade.render(recipes)
    assert np.array_equal(first, second)


def test_a_stage_applied_twice_does_not_repeat_its_noise(cascade: Cascade) -> None:
    twice = Recipe(
        cascade=cascade.digest, latent_seed=1, noise_seed=1, steps=(Step(stage=1), Step(stage=1)), size_px=64
    )
    assert one(cascade, twice).shape == (64, 64, 3)
    moved = replace(twice, steps=(Step(stage=1), Step(stage=1, sigma=0.2)))
    assert not np.array_equal(one(cascade, twice), one(cascade, moved))


def test_a_size_between_two_stages_is_the_next_larger_one_reduced_once(cascade: Cascade) -> None:
    full = recipes_of(cascade, [6])[0]
    between = one(cascade, replace(full, size_px=100, resampler="area"))
    assert np.array_equal(between, area_resample(one(cascade, full), height=100, width=100))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"cascade": "0" * 64}, "cascade: this is cascade"),
        ({"steps": (Step(stage=3),)}, "steps: this cascade has 2 upscalers"),
        ({"size_px": 64}, "size_px: the chain ends at 128 px and nothing resamples it"),
        ({"size_px": 200, "resampler": "area"}, "only ever reduced"),
        ({"steps": (Step(stage=2),) * 8}, "more than 65536"),
    ],
)
def test_a_recipe_of_another_cascade_is_refused_before_the_first_picture(
    cascade: Cascade, change: dict[str, object], told: str
) -> None:
    good = recipes_of(cascade, [1])[0]
    with pytest.raises(InvalidInput) as caught:
        next(iter(cascade.render([good, replace(good, **change)])))  # type: ignore[arg-type]
    assert told in str(caught.value)


def test_the_render_class_is_the_devices(cascade: Cascade) -> None:
    assert cascade.render_class() == cascade.render_class(cascade.device)
