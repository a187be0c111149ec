"""Planning: units and recipes of a job, from its spec alone."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.errors import InvalidInput
from farm.planning import reachable_px, recipe_for, sizes_px, units_of
from farm.recipe import SEED_LIMIT, Recipe, Step
from farm.specs import FilmSpec, RenderSpec, SeedRange, parse_spec
from farm.specs.fields import ONE_TASK_PX
from tests.farm.test_specs import DIGEST, GOOD

CONFIG = {"stages": [{"size_px": 64}, {"size_px": 256}, {"size_px": 1024}]}
SIZES = (64, 256, 1024)


def _render(**changes: Any) -> RenderSpec:
    spec = parse_spec({**GOOD["render"], "cascade": DIGEST, **changes})
    assert isinstance(spec, RenderSpec)
    return spec


def test_the_units_of_a_render_job_are_its_seeds() -> None:
    assert units_of(_render(seeds="20..29,3")) == (SeedRange(3, 4), SeedRange(20, 30))


def test_a_million_seeds_are_one_range() -> None:
    assert units_of(_render(seeds="0..999999")) == (SeedRange(0, 1_000_000),)


@pytest.mark.parametrize(
    ("kind", "changes", "units"),
    [
        ("curate", {}, SeedRange(0, 24)),
        ("train", {"total_nimg": 5000}, SeedRange(0, 5000)),
        ("assemble", {}, SeedRange(0, 1)),
        ("import", {}, SeedRange(0, 1)),
        ("onnx", {}, SeedRange(0, 1)),
        ("reverdict", {}, SeedRange(0, 1)),
        ("verify", {"sample": 8}, SeedRange(0, 8)),
    ],
)
def test_the_units_of_the_other_kinds(kind: str, changes: dict[str, Any], units: SeedRange) -> None:
    assert units_of(parse_spec({**GOOD[kind], **changes})) == (units,)


def test_a_run_of_unresolved_length_has_no_units() -> None:
    with pytest.raises(InvalidInput) as wrong:
        units_of(parse_spec(GOOD["train"]))
    assert [problem.field for problem in wrong.value.problems] == ["total_nimg"]


def test_the_sizes_are_those_of_the_stages() -> None:
    assert sizes_px(CONFIG) == SIZES


@pytest.mark.parametrize(("size_px", "stages"), [(64, []), (256, [1]), (1024, [1, 2])])
def test_the_chain_ends_at_the_size_asked_for(size_px: int, stages: list[int]) -> None:
    recipe = recipe_for(_render(size_px=size_px, sigma=0.25), 7, sizes=SIZES)
    assert recipe.steps == tuple(Step(stage=stage, sigma=0.25) for stage in stages)
    assert recipe.size_px == size_px


@pytest.mark.parametrize(
    ("size_px", "stages", "resampler"),
    [
        (8, [], "area"),
        (65, [1], "area"),
        (1023, [1, 2], "area"),
        (1025, [1, 2, 2], "area"),
        (2048, [1, 2, 2], "area"),
        (4096, [1, 2, 2], "none"),
    ],
)
def test_beyond_the_last_stage_it_comes_again_and_sizes_between_are_reduced_once(
    size_px: int, stages: list[int], resampler: str
) -> None:
    recipe = recipe_for(_render(size_px=size_px), 7, sizes=SIZES)
    assert ([step.stage for step in recipe.steps], recipe.resampler) == (stages, resampler)
    assert recipe.size_px == size_px


@pytest.mark.parametrize(
    ("sizes", "reached"),
    [
        (SIZES, (64, 256, 1024, 4096, 16384)),
        ((64,), (64,)),
        ((128, 256), (128, 256, 512, 1024, 2048, 4096, 8192, 16384)),
        ((128, 768), (128, 768, 4608)),
        ((512, 4096), (512, 4096)),
        ((1024, 8192), (1024, 8192)),
        ((1024, 32768), (1024,)),
    ],
)
def test_what_a_cascade_reaches(sizes: tuple[int, ...], reached: tuple[int, ...]) -> None:
    assert reachable_px(sizes) == reached


def test_a_size_beyond_the_reach_names_what_there_is() -> None:
    with pytest.raises(InvalidInput) as wrong:
        recipe_for(_render(size_px=1000), 7, sizes=(768,))
    assert [problem.message for problem in wrong.value.problems] == ["any size up to 768 px; 768 as painted"]


def test_a_reduced_size_and_a_painted_one_are_two_recipes_of_the_same_seed() -> None:
    painted, reduced = (recipe_for(_render(size_px=size), 7, sizes=SIZES) for size in (4096, 2048))
    assert painted.steps == reduced.steps
    assert painted.digest != reduced.digest


def test_the_noise_is_the_portraits_own_unless_one_is_given() -> None:
    assert recipe_for(_render(), 7, sizes=SIZES).noise_seed == 7
    assert recipe_for(_render(noise_seed=0), 7, sizes=SIZES).noise_seed == 0


@given(
    st.integers(0, SEED_LIMIT - 1),
    st.integers(0, SEED_LIMIT - 1),
    st.integers(8, ONE_TASK_PX),
    st.floats(0, 1.5),
    st.floats(0, 1),
)
def test_every_planned_recipe_is_one_that_is_read_back(
    seed: int, noise_seed: int, size_px: int, psi: float, sigma: float
) -> None:
    recipe = recipe_for(_render(size_px=size_px, psi=psi, sigma=sigma, noise_seed=noise_seed), seed, sizes=SIZES)
    assert Recipe.from_json(recipe.to_json()) == recipe


@given(
    st.lists(st.integers(0, 5), min_size=2, max_size=8),
    st.integers(2, 30),
    st.booleans(),
    st.sampled_from(["still", "moving"]),
)
def test_every_frame_of_a_film_is_one_that_is_read_back_and_asked_for_alone(
    keys: list[int], frames: int, loop: bool, noise: str
) -> None:
    told = {"keys": keys, "seconds": frames / 30, "fps": 30, "size_px": 64, "loop": loop, "noise": noise}
    film = parse_spec({"kind": "film", "cascade": "ab" * 32, **told})
    assert isinstance(film, FilmSpec)
    assert units_of(film) == (SeedRange(0, frames),)
    for frame in range(frames):
        recipe = recipe_for(film, frame, sizes=SIZES)
        assert Recipe.from_json(recipe.to_json()) == recipe
        path = None if recipe.path is None else {"keys": recipe.path.keys, "at": recipe.path.at}
        alone = _render(seeds=str(recipe.latent_seed), size_px=64, noise_seed=recipe.noise_seed, path=path)
        assert recipe_for(alone, recipe.latent_seed, sizes=SIZES) == recipe


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_two_seeds_are_two_portraits(one: int, other: int) -> None:
    digests = {recipe_for(_render(), seed, sizes=SIZES).digest for seed in (one, other)}
    assert len(digests) == len({one, other})
