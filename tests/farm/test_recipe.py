"""Recipes: equal values are equal bytes, and nothing else is taken for a recipe."""

import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.errors import InvalidInput
from farm.recipe import SEED_LIMIT, PathPoint, Recipe, Step, canonical_digest, canonical_json

seeds = st.integers(0, SEED_LIMIT - 1)
steps = st.builds(
    Step,
    stage=st.integers(1, 16),
    sigma=st.floats(0, 1) | st.integers(0, 1),
    scale_log2=st.floats(-8, 8) | st.integers(-8, 8),
)
fractions = st.fractions(0, 1, max_denominator=2**31 - 1).filter(lambda at: 0 < at < 1)
keyframes = st.tuples(seeds, seeds, seeds, seeds).filter(lambda keys: keys[1] != keys[2])
points = st.builds(PathPoint, keys=keyframes, at=fractions.map(lambda at: (at.numerator, at.denominator)))
plain_recipes = st.builds(
    Recipe,
    cascade=st.text("0123456789abcdef", min_size=64, max_size=64),
    latent_seed=seeds,
    noise_seed=seeds,
    psi=st.floats(0, 1.5) | st.integers(0, 1),
    steps=st.lists(steps, max_size=4).map(tuple),
    size_px=st.integers(8, 65536),
    resampler=st.sampled_from(["none", "area"]),
    photo=st.none() | st.text("0123456789abcdef", min_size=64, max_size=64),
    texture=st.none() | st.floats(-4, 4) | st.integers(-4, 4),
)
frames = st.builds(
    lambda recipe, path: replace(recipe, photo=None, candidates=1, path=path, latent_seed=path.keys[1]),
    plain_recipes,
    points,
)
recipes = plain_recipes | frames
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)

GOOD: dict[str, Any] = {
    "cascade": "ab" * 32,
    "latent_seed": "7",
    "noise_seed": "8",
    "psi": 0.7,
    "steps": [{"stage": 1, "sigma": 0.0, "scale_log2": 0.0}],
    "size_px": 256,
    "resampler": "none",
    "version": 1,
}
PATH: dict[str, Any] = {"keys": ["3", "7", "99", "4"], "at": [1, 3]}


@given(recipes)
def test_a_recipe_survives_its_text(recipe: Recipe) -> None:
    again = Recipe.from_json(json.loads(recipe.text))
    assert again == recipe
    assert again.text == recipe.text
    assert again.digest == recipe.digest


@given(recipes, recipes)
def test_digests_are_equal_exactly_when_recipes_are(one: Recipe, other: Recipe) -> None:
    assert (one.digest == other.digest) == (one == other)


def test_a_recipe_without_a_texture_says_nothing_of_it_and_wrong_ones_are_refused() -> None:
    plain = Recipe.from_json(GOOD)
    assert "texture" not in plain.text
    assert Recipe.from_json(GOOD | {"texture": 0}).digest != plain.digest
    for wrong in (None, True, "fine", 4.1, -5, [0, 0, 0, 0], math.nan):
        with pytest.raises(InvalidInput) as caught:
            Recipe.from_json(GOOD | {"texture": wrong})
        assert [problem.field for problem in caught.value.problems] == ["texture"]


def test_equal_numbers_written_in_other_ways_make_one_recipe() -> None:
    written = [
        {**GOOD, "psi": psi, "steps": [{"stage": 1, "sigma": sigma, "scale_log2": scale}]}
        for psi, sigma, scale in ((0, 0, 0), (0.0, 0.0, 0.0), (-0.0, -0.0, -0.0))
    ]
    assert len({Recipe.from_json(value).digest for value in written}) == 1


def test_a_known_recipe_keeps_its_digest() -> None:
    """Stored portraits are found by it: this value may never change."""
    recipe = Recipe.from_json(GOOD)
    assert recipe.text == (
        '{"cascade":"' + "ab" * 32 + '","latent_seed":"7","noise_seed":"8","psi":0.7,"resampler":"none","size_px":256,'
        '"steps":[{"scale_log2":0.0,"sigma":0.0,"stage":1}],"version":1}'
    )
    assert recipe.digest == "62c21f475b83d5740009f29755be2c3fdcb40ff909111a71bcacfdb959443207"


def test_a_known_frame_keeps_its_digest() -> None:
    recipe = Recipe.from_json({**GOOD, "path": PATH})
    assert recipe.path == PathPoint(keys=(3, 7, 99, 4), at=(1, 3))
    assert '"path":{"at":[1,3],"keys":["3","7","99","4"]},"psi"' in recipe.text
    assert recipe.digest == "46b0cdd0da1c39d63445391d0f71f27fdebdc13f3472bf7b34f8b7d2b17f46e2"
    assert recipe.series != Recipe.from_json(GOOD).series


def test_a_frame_is_no_photograph_and_has_no_candidates() -> None:
    for field, value in (("photo", "ab" * 32), ("candidates", 2)):
        with pytest.raises(InvalidInput):
            Recipe.from_json({**GOOD, "path": PATH, field: value})


def test_each_field_changes_the_digest() -> None:
    changed: dict[str, Any] = {
        "cascade": "cd" * 32,
        "latent_seed": "9",
        "noise_seed": "9",
        "psi": 0.8,
        "steps": [{"stage": 1, "sigma": 0.1, "scale_log2": 0.0}],
        "size_px": 512,
        "resampler": "area",
        "path": PATH,
        "photo": "ef" * 32,
    }
    digests = {Recipe.from_json({**GOOD, name: value}).digest for name, value in changed.items()}
    assert len(digests | {Recipe.from_json(GOOD).digest}) == len(changed) + 1


def test_every_mistake_is_told_at_once() -> None:
    value: dict[Any, Any] = {**GOOD, "cascade": "short", "psi": 2, "size_px": "256", "colour": 1, 5: 6}
    del value["noise_seed"]
    with pytest.raises(InvalidInput) as wrong:
        Recipe.from_json(value)
    assert {problem.field for problem in wrong.value.problems} == {
        "cascade", "psi", "size_px", "colour", "5", "noise_seed",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("cascade", "AB" * 32),
        ("cascade", "ab" * 32 + "\n"),
        ("cascade", None),
        ("latent_seed", 7),
        ("latent_seed", "-1"),
        ("latent_seed", "٣"),
        ("latent_seed", "²"),
        ("latent_seed", ""),
        ("latent_seed", str(SEED_LIMIT)),
        ("latent_seed", "9" * 10_000),
        ("photo", "ab"),
        ("photo", 7),
        ("path", None),
        ("path", {"keys": PATH["keys"]}),
        ("path", {**PATH, "keys": ["3", "7", "99"]}),
        ("path", {**PATH, "keys": ["3", "7", "7", "4"]}),
        ("path", {**PATH, "keys": ["3", "8", "99", "4"]}),
        ("path", {**PATH, "keys": [3, 7, 99, 4]}),
        ("path", {**PATH, "at": [0, 1]}),
        ("path", {**PATH, "at": [3, 3]}),
        ("path", {**PATH, "at": [2, 4]}),
        ("path", {**PATH, "at": [1.0, 3]}),
        ("path", {**PATH, "at": [1, 2**31]}),
        ("path", {**PATH, "loop": True}),
        ("psi", math.nan),
        ("psi", math.inf),
        ("psi", -0.1),
        ("psi", True),
        ("psi", 10**400),
        ("psi", "0.7"),
        ("steps", None),
        ("steps", {}),
        ("steps", [{}]),
        ("steps", [{"stage": 0, "sigma": 0, "scale_log2": 0}]),
        ("steps", [{"stage": True, "sigma": 0, "scale_log2": 0}]),
        ("steps", [{"stage": 1, "sigma": 10**400, "scale_log2": 0}]),
        ("steps", [{"stage": 1, "sigma": 0, "scale_log2": math.nan}]),
        ("steps", [{"stage": 1, "sigma": 0, "scale_log2": 0, "more": 1}]),
        ("size_px", 7),
        ("size_px", 256.0),
        ("size_px", True),
        ("resampler", "lanczos"),
        ("resampler", []),
        ("version", 2),
        ("version", True),
        ("version", 1.0),
        ("version", "1"),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_a_wrong_value_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(InvalidInput) as wrong:
        Recipe.from_json({**GOOD, field: value})
    assert [problem.field for problem in wrong.value.problems] == [field]


@given(json_values)
def test_no_json_value_crashes_the_reader(value: Any) -> None:
    with pytest.raises(InvalidInput):
        Recipe.from_json(value)


@given(st.dictionaries(st.sampled_from(sorted(GOOD)), json_values))
def test_a_recipe_with_anything_in_its_fields_is_read_or_refused(changes: dict[str, Any]) -> None:
    try:
        recipe = Recipe.from_json({**GOOD, **changes})
    except InvalidInput as wrong:
        assert {problem.field for problem in wrong.problems} <= set(changes)
    else:
        assert Recipe.from_json(json.loads(recipe.text)) == recipe


@given(json_values)
def test_canonical_json_does_not_depend_on_the_order_of_keys(value: Any) -> None:
    def turned(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: turned(part[key]) for key in reversed(part)}
        return [turned(inner) for inner in part] if isinstance(part, list) else part

    try:
        expected = canonical_json(value)
    except ValueError:  # NaN, infinities, half surrogates: no JSON at all
        return
    assert canonical_json(turned(value)) == expected
    assert canonical_digest(turned(value)) == canonical_digest(value)
    assert canonical_json(json.loads(expected)) == expected
