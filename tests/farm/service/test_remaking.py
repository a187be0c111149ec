"""From a portrait's file back to a job with the very same recipe, and one clear error where that cannot be."""

from dataclasses import replace

import numpy as np
import pytest

from farm.errors import FarmError, InvalidInput
from farm.planning import recipe_for
from farm.recipe import Recipe, Step
from farm.service import Service
from farm.service.remaking import spec_from_png
from farm.specs import RenderSpec, parse_spec
from tests.farm.stocking import DIGEST, add_cascade
from workers.rendering.png import encode_png

SIZES = (16, 32)
RECIPE = Recipe(
    cascade=DIGEST, latent_seed=2**62 + 1, noise_seed=2**62 + 1, psi=0.7, steps=(Step(stage=1),), size_px=32
)


def file_of(text: str | None) -> bytes:
    return encode_png(np.zeros((8, 8, 3), dtype=np.uint8), text={} if text is None else {"recipe": text})


def remade(service: Service, recipe: Recipe, *, size_px: int | None = None) -> Recipe:
    spec = parse_spec(spec_from_png(file_of(recipe.text), ledger=service.ledger, size_px=size_px))
    assert isinstance(spec, RenderSpec)
    return recipe_for(spec, recipe.latent_seed, sizes=SIZES)


@pytest.mark.parametrize(
    "recipe",
    [
        RECIPE,
        replace(RECIPE, noise_seed=5),
        replace(RECIPE, noise_seed=0, latent_seed=0),
        replace(RECIPE, steps=(), size_px=16),
        replace(RECIPE, steps=(), size_px=9, resampler="area"),
        replace(RECIPE, psi=0.0, steps=(Step(stage=1, sigma=0.25),)),
        replace(RECIPE, steps=(Step(stage=1),) * 8, size_px=4096),
        replace(RECIPE, steps=(Step(stage=1),) * 3, size_px=100, resampler="area"),
    ],
)
def test_the_job_s_recipe_is_exactly_the_file_s(service: Service, recipe: Recipe) -> None:
    add_cascade(service)
    assert remade(service, recipe).digest == recipe.digest


def test_another_size_changes_the_size_alone(service: Service) -> None:
    add_cascade(service)
    large = remade(service, replace(RECIPE, noise_seed=5), size_px=1024)
    assert large == replace(RECIPE, noise_seed=5, steps=(Step(stage=1),) * 6, size_px=1024)


@pytest.mark.parametrize(
    ("recipe", "field"),
    [
        (replace(RECIPE, steps=(Step(stage=1, sigma=0.1), Step(stage=1)), size_px=64), "steps"),
        (replace(RECIPE, steps=(Step(stage=1, scale_log2=-0.5),)), "steps"),
        (replace(RECIPE, steps=(Step(stage=1),) * 2, size_px=32, resampler="area"), "steps"),
        (replace(RECIPE, size_px=65536), "size_px"),
    ],
)
def test_a_recipe_no_job_can_ask_for_is_refused_with_the_field(service: Service, recipe: Recipe, field: str) -> None:
    add_cascade(service)
    with pytest.raises(InvalidInput) as refused:
        spec_from_png(file_of(recipe.text), ledger=service.ledger)
    assert field in [problem.field for problem in refused.value.problems]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not a PNG"),
        (b"\xff\xd8\xff\xe0 a photo", "not a PNG"),
        (file_of(RECIPE.text)[:-30], "cut off"),
        (file_of(RECIPE.text).replace(b'"psi"', b'"pSi"'), "damaged"),
        (file_of(None), "carries no recipe"),
        (file_of("{"), "not JSON"),
        (file_of("[" * 100_000), "not JSON"),
        (file_of("{}"), "not a recipe"),
        (file_of(RECIPE.text.replace("0.7", "7")), "not a recipe"),
        (file_of("9" * 10_000), "not JSON"),
        (file_of(" " * (1 << 20)), "bytes of text"),
        (file_of(RECIPE.text), "does not have the file's cascade"),
    ],
)
def test_a_hostile_or_foreign_file_gets_one_clear_error(service: Service, body: bytes, words: str) -> None:
    """The cascade is unknown here: even a sound file is of another farm."""
    with pytest.raises(FarmError, match=words):
        spec_from_png(body, ledger=service.ledger)
