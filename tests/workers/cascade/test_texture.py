"""Textures asked for: read strictly, drawn as they are spread, and one for a portrait, whatever the window or frame."""

import copy
import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from farm.errors import CascadeInvalid, InvalidInput
from farm.planning import has_texture, recipe_for
from farm.specs import FilmSpec, RenderSpec, parse_spec
from tests.workers.cascade.tiny import DOUBLE, SPREAD, random_cascade, random_picture, recipes_of
from workers.cascade.cascade import enlargement_of
from workers.cascade.config import CascadeConfig, stage_from_json, stage_to_json
from workers.cascade.stage import Enlargement
from workers.cascade.texture import TextureSpread


def config_json() -> Any:
    return copy.deepcopy(random_cascade(textured=True).config.to_json())


def test_a_textured_cascade_is_read_back_equal_and_a_plain_one_says_nothing_of_textures() -> None:
    cascade = random_cascade(textured=True)
    assert CascadeConfig.from_json(cascade.config.to_json()) == cascade.config
    assert has_texture(cascade.config.to_json())
    plain = random_cascade().config.to_json()
    assert "texture" not in str(plain).replace("texture_dim", "") and not has_texture(plain)


MISTAKES: dict[str, tuple[list[Any], Any]] = {
    "texture must be there exactly where texture_dim is not 0": (["network", "texture_dim"], 0),
    "texture_dim must be 0 or 4": (["network", "texture_dim"], 3),
    "stages[1].texture must be an object": (["texture"], None),
    "stages[1].texture: missing 'cholesky'": (["texture"], {"mean": [0, 0, 0, 0]}),
    "stages[1].texture.mean must be a list": (["texture", "mean"], 1.0),
    "stages[1].texture.mean must be a number": (["texture", "mean", 2], True),
    "rows of 4 numbers": (["texture", "mean"], [1.0]),
    "stages[1].texture.cholesky must be a list": (["texture", "cholesky"], "I"),
    "texture.cholesky must be 4 rows": (["texture", "cholesky"], [[1.0, 0, 0, 0]]),
    "0.001 on its diagonal": (["texture", "cholesky", 1, 1], 0.0),
    "zero above its diagonal": (["texture", "cholesky", 0, 3], 0.1),
    "texture must be within": (["texture", "mean", 0], float("nan")),
}


@pytest.mark.parametrize("told", MISTAKES)
def test_every_mistake_names_its_field(told: str) -> None:
    path, wrong = MISTAKES[told]
    value = place = config_json()["stages"][1]
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = wrong
    with pytest.raises(CascadeInvalid) as caught:
        stage_from_json(value, where="stages[1]")
    assert told in str(caught.value)


def test_a_stage_that_is_told_a_texture_needs_its_spread() -> None:
    value = stage_to_json(random_cascade(textured=True).config.stages[1])
    del value["texture"]
    with pytest.raises(CascadeInvalid, match="texture must be there"):
        stage_from_json(value, where="stages[1]")


def test_drawn_textures_are_spread_as_the_gaussian_says() -> None:
    drawn = np.array([SPREAD.drawn(seed) for seed in range(20_000)])
    factor = np.array(SPREAD.cholesky) / np.array(SPREAD.deviations)[:, None]
    np.testing.assert_allclose(drawn.mean(axis=0), 0, atol=0.03)
    np.testing.assert_allclose(np.cov(drawn.T), factor @ factor.T, atol=0.04)
    assert SPREAD.drawn(7) == SPREAD.drawn(7) != SPREAD.drawn(8)


def test_a_set_texture_is_so_many_deviations_of_the_mean_energy_and_0_is_the_mean() -> None:
    assert SPREAD.set_to(0.0) == (0.0,) * 4
    covariance = np.array(SPREAD.cholesky) @ np.array(SPREAD.cholesky).T
    deviation = np.sqrt(covariance[:3, :3].mean())
    for wanted in (-2.0, 0.5, 3.0):
        moved = np.array(SPREAD.set_to(wanted)) * SPREAD.deviations
        assert moved[:3].mean() == pytest.approx(wanted * deviation)
    assert SPREAD.wanted(1.0, noise_seed=3) == SPREAD.set_to(1.0)
    assert SPREAD.wanted(None, noise_seed=3) == SPREAD.drawn(3)


def test_a_measured_texture_is_told_in_deviations_and_never_further_than_four() -> None:
    assert SPREAD.told(SPREAD.mean) == (0.0,) * 4
    far = [mean + 9 * deviation for mean, deviation in zip(SPREAD.mean, SPREAD.deviations, strict=True)]
    assert SPREAD.told(far) == (4.0,) * 4


def test_the_texture_is_seen_in_the_pixels_and_is_the_same_in_every_window() -> None:
    """Painted in one window, and in many: equal bits, and another texture is another picture."""
    cascade = random_cascade(textured=True, dtype="fp32")
    narrow = random_cascade(textured=True, dtype="fp32", window_px=24)
    recipes = recipes_of(cascade, [5])
    one, other = (replace(recipes[0], texture=texture) for texture in (-1.5, 1.5))
    painted = [next(cascade.render([recipe])) for recipe in (one, other, recipes[0])]
    assert not any(np.array_equal(a, b) for a, b in itertools.combinations(painted, 2))
    tiled = next(narrow.render([replace(one, cascade=narrow.digest)])).astype(int)
    assert abs(tiled - painted[0]).max() <= 1, "fp32 sums in another order round differently once in a while"


def test_every_window_of_a_picture_and_every_frame_of_a_film_is_told_the_same() -> None:
    cascade = random_cascade(textured=True, window_px=24)
    stage = cascade.upscalers[1]
    told = []
    for noise in ("still", "moving"):
        texture = None if noise == "still" else 0.0  # what resolving gives a film whose noise moves
        asked = {"keys": (3, 17, 99), "seconds": 1, "fps": 12, "size_px": 128, "noise": noise, "texture": texture}
        spec = parse_spec({"kind": "film", "cascade": cascade.digest, **asked})
        assert isinstance(spec, FilmSpec)
        recipes = [recipe_for(spec, frame, sizes=cascade.sizes_px) for frame in range(spec.frames)]
        told.append({_told(stage, enlargement_of(recipe, 1)) for recipe in recipes})
    assert [len(each) for each in told] == [1, 1]
    (source,) = stage.look([random_picture(32, 32)], [Enlargement(noise_seed=3, step=1)])
    windows = list(stage.windows(source.picture))
    assert len(windows) > 1
    conditions = stage._inputs([(source, window) for window in windows[: stage.config.call.micro_batch]])[3]
    assert torch.equal(conditions, conditions[:1].expand_as(conditions))


def _told(stage: Any, how: Enlargement) -> tuple[float, ...]:
    return tuple(stage._conditions([how])[0].tolist())


def test_a_job_hands_its_texture_to_the_recipe_and_a_cascade_that_was_taught_none_refuses_it() -> None:
    cascade = random_cascade()
    spec = parse_spec({"kind": "render", "cascade": cascade.digest, "seeds": "7", "size_px": 128, "texture": -1})
    assert isinstance(spec, RenderSpec)
    recipe = recipe_for(spec, 7, sizes=cascade.sizes_px)
    assert recipe.texture == -1.0
    with pytest.raises(InvalidInput) as caught:
        next(cascade.render([recipe]))
    assert [problem.field for problem in caught.value.problems] == ["texture"]
    with pytest.raises(InvalidInput) as caught:
        parse_spec({"kind": "render", "cascade": "demo", "seeds": "7", "size_px": 128, "texture": 4.5})
    assert [problem.field for problem in caught.value.problems] == ["texture"]


def test_another_spread_is_another_cascade() -> None:
    value = config_json()
    value["stages"][1]["texture"]["mean"][0] += 0.5
    again = CascadeConfig.from_json(value)
    moved = TextureSpread(mean=(1.5, *SPREAD.mean[1:]), cholesky=SPREAD.cholesky)
    assert again.stages[1].texture == moved
    assert isinstance(again.stages[1].network, type(DOUBLE))
