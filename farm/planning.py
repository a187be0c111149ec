"""Spec → units → recipes, lazily and purely: no database, no storage, no clock."""

from collections.abc import Mapping
from typing import Any

from farm.errors import InvalidInput, Problem
from farm.recipe import Recipe, Step
from farm.specs import AssembleSpec, CurateSpec, ImportSpec, JobSpec, RenderSpec, SeedRange, TrainSpec, parse_seeds


def units_of(spec: JobSpec) -> tuple[SeedRange, ...]:
    """The half-open unit ranges of a job: seeds, photos of an intake, images to show, or a single unit."""
    match spec:
        case RenderSpec():
            return parse_seeds(spec.seeds)
        case CurateSpec():
            return (SeedRange(0, spec.photos),)
        case TrainSpec():
            if spec.total_nimg is None:
                raise InvalidInput("the run's length is not resolved", problems=[Problem("total_nimg", "is missing")])
            return (SeedRange(spec.start_nimg, spec.total_nimg),)
        case AssembleSpec() | ImportSpec():
            return (SeedRange(0, 1),)


def sizes_px(cascade_config: Mapping[str, Any]) -> tuple[int, ...]:
    """The stage sizes of a cascade, smallest first, from its cascade.json (`stages`: each with `size_px`)."""
    return tuple(int(stage["size_px"]) for stage in cascade_config["stages"])


def recipe_for(spec: RenderSpec, seed: int, *, sizes: tuple[int, ...]) -> Recipe:
    """The recipe of one seed of a render job whose cascade is already a digest; `sizes` as `sizes_px` gives them."""
    steps = tuple(Step(stage=index, sigma=spec.sigma) for index in range(1, sizes.index(spec.size_px) + 1))
    return Recipe(
        cascade=spec.cascade,
        latent_seed=seed,
        noise_seed=seed if spec.noise_seed is None else spec.noise_seed,
        psi=spec.psi,
        steps=steps,
        size_px=spec.size_px,
    )
