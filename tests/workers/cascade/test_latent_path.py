"""Latent paths: the same on every machine, smooth, and at a keyframe the keyframe itself."""

import hashlib
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from farm.planning import recipe_for
from farm.recipe import PathPoint, Recipe
from farm.specs import FilmSpec, parse_spec
from tests.workers.cascade.tiny import random_cascade
from workers.cascade.latent_path import Vector, _angle, _sine_cosine, latents_of, path_latent
from workers.cascade.noise import latents

KEYS = (3, 17, 99, 4)
GOLDEN = "1d56607380f31ebaf49358daa0bae2762528232e143e1f87c38b9bbab997aa39"
RECIPE = Recipe(cascade="ab" * 32, latent_seed=17, noise_seed=3, size_px=64)


def z_of(seed: int, dim: int = 64) -> Vector:
    return latents([seed], dim)[0].numpy().astype(np.float64)


def at(keys: tuple[int, int, int, int], time: tuple[int, int], dim: int = 64) -> Vector:
    return path_latent(PathPoint(keys=keys, at=time), [z_of(seed, dim) for seed in keys])


def film(**changes: object) -> FilmSpec:
    given = {"kind": "film", "cascade": "ab" * 32, "keys": [3, 17, 99, 4], "seconds": 1, "fps": 12, "size_px": 64}
    spec = parse_spec(given | changes)
    assert isinstance(spec, FilmSpec)
    return spec


def frames(spec: FilmSpec) -> list[Recipe]:
    return [recipe_for(spec, frame, sizes=(64,)) for frame in range(spec.frames)]


def test_a_known_path_has_the_latents_it_always_had() -> None:
    """Frames are found by their recipes: what a recipe's path means may never change."""
    recipes = [replace(RECIPE, path=PathPoint(keys=KEYS, at=(n, 7))) for n in range(1, 7)]
    z = latents_of(recipes, 64)
    assert hashlib.sha256(z.numpy().astype("<f4").tobytes()).hexdigest() == GOLDEN


def test_a_latent_does_not_depend_on_the_recipes_beside_it() -> None:
    recipes = [RECIPE, replace(RECIPE, path=PathPoint(keys=KEYS, at=(1, 3))), replace(RECIPE, latent_seed=5)]
    together = latents_of(recipes, 8)
    assert torch.equal(together, torch.cat([latents_of([recipe], 8) for recipe in recipes]))
    assert torch.equal(together[[0, 2]], latents([17, 5], 8))


@pytest.mark.parametrize("dim", [2, 8, 64, 512])
def test_a_path_begins_and_ends_at_its_keyframes(dim: int) -> None:
    fine = 2**30
    for time, seed in (((1, fine), 17), ((fine - 1, fine), 99)):
        np.testing.assert_allclose(at(KEYS, time, dim), z_of(seed, dim), atol=1e-6)


@pytest.mark.parametrize("keys", [(3, 17, 99, 4, 8), (17, 17, 99, 4, 4), (3, 17, 17, 4, 8), (3, 17, 3, 17, 3)])
def test_position_and_speed_have_no_jump_at_a_keyframe(keys: tuple[int, ...]) -> None:
    before, middle, after = keys[:4], keys[2], keys[1:]
    fine = 10**6
    here = z_of(middle)
    arriving = (here - at(before, (fine - 1, fine))) * fine  # type: ignore[arg-type]
    leaving = (at(after, (1, fine)) - here) * fine  # type: ignore[arg-type]
    np.testing.assert_allclose(arriving, leaving, atol=1e-4)


def test_speed_has_no_jump_between_keyframes() -> None:
    fine = 300
    path = np.array([z_of(17), *(at(KEYS, (n, fine)) for n in range(1, fine)), z_of(99)])
    speed = np.linalg.norm(np.diff(path, axis=0), axis=1) * fine
    assert np.abs(np.diff(speed)).max() < 0.02 * speed.mean()


def test_a_path_keeps_the_norm_of_latents() -> None:
    """A straight line between two of them would pass at 0.7 of it, where the base was never taught."""
    norms = [float(np.linalg.norm(at(KEYS, (n, 16), 512))) for n in range(1, 16)]
    ends = [float(np.linalg.norm(z_of(seed, 512))) for seed in KEYS]
    assert 0.95 * min(ends) < min(norms) and max(norms) < 1.05 * max(ends)
    straight = 0.5 * (z_of(17, 512) + z_of(99, 512))
    assert np.linalg.norm(straight) < 0.8 * min(ends)


def test_a_path_leaves_its_first_keyframe_and_comes_to_its_last_gently() -> None:
    first = np.linalg.norm(at((17, 17, 99, 99), (1, 1000)) - z_of(17))
    assert first < 0.01 * np.linalg.norm(z_of(99) - z_of(17)) / 10


@pytest.mark.parametrize("angle", [1e-9, 0.1, 1.0, 0.5 * math.pi, 3.0, math.pi])
def test_sines_and_angles_are_right(angle: float) -> None:
    sine, cosine = _sine_cosine(angle)
    assert (sine, cosine) == pytest.approx((math.sin(angle), math.cos(angle)), abs=1e-15)
    assert _angle(math.sin(angle), math.cos(angle)) == pytest.approx(angle, abs=1e-15)


def test_frames_at_keyframes_are_the_seeds_own_portraits() -> None:
    recipes = frames(film(seconds=2, fps=5))
    assert recipes[0] == replace(RECIPE, latent_seed=3)
    assert [recipe.latent_seed for recipe in recipes if recipe.path is None] == [3, 17, 99, 4]
    assert recipes[0].path is None and recipes[3].path is None and recipes[-1].path is None
    assert recipes[4].path == PathPoint(keys=KEYS, at=(1, 3))


def test_an_open_film_has_its_first_and_last_keyframe_twice_at_its_ends() -> None:
    recipes = frames(film())
    assert recipes[1].path == PathPoint(keys=(3, 3, 17, 99), at=(3, 11))
    assert recipes[-2].path == PathPoint(keys=(17, 99, 4, 4), at=(8, 11))


def test_a_loop_goes_on_where_it_began() -> None:
    recipes = frames(film(loop=True))
    assert len(recipes) == 12
    assert recipes[-1].path == PathPoint(keys=(99, 4, 3, 17), at=(2, 3))
    assert recipes[0].path is None and recipes[1].path == PathPoint(keys=(4, 3, 17, 99), at=(1, 3))
    z = latents_of([*recipes, recipes[0]], 64).numpy()
    steps = np.linalg.norm(np.diff(z, axis=0), axis=1)
    assert steps[-1] < steps[:-1].max(), "the last step, back to the first frame, is like the others"


def test_a_keyframe_given_twice_is_held() -> None:
    recipes = frames(film(keys=[3, 3, 17], seconds=1, fps=9))
    assert len({recipe.digest for recipe in recipes[:5]}) == 1
    assert len({recipe.digest for recipe in recipes[4:]}) == 5


def test_noise_stands_still_unless_it_is_to_move() -> None:
    assert {recipe.noise_seed for recipe in frames(film())} == {3}
    assert {recipe.noise_seed for recipe in frames(film(noise_seed=8))} == {8}
    assert [recipe.noise_seed for recipe in frames(film(noise="moving"))] == list(range(3, 15))


def test_shared_stretches_of_two_films_are_the_same_frames() -> None:
    one, other = (
        frames(film(keys=[1, 3, 17, 99, 4], fps=13)),
        frames(film(keys=[3, 17, 99, 4, 8], fps=13, noise_seed=1)),
    )
    assert {r.digest for r in one} & {r.digest for r in other} >= {r.digest for r in one[6:9]}


def test_a_cascade_paints_a_frame_from_its_path() -> None:
    cascade = random_cascade()
    plain = replace(RECIPE, cascade=cascade.digest, size_px=16)
    point = replace(plain, path=PathPoint(keys=KEYS, at=(1, 2)))
    halved = replace(point, psi=0.5)
    pictures = list(cascade.render([plain, point, plain, halved]))
    (alone,) = cascade.render([point])
    assert np.array_equal(pictures[1], alone)
    assert np.array_equal(pictures[0], pictures[2])
    assert not np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[1], pictures[3])
