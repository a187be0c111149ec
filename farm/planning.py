"""Spec → units → recipes, lazily and purely: no database, no storage, no clock."""

import itertools
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from farm.errors import InvalidInput, Problem
from farm.recipe import SEED_LIMIT, PathPoint, Recipe, Step, canonical_digest
from farm.specs import (
    MAX_SIZE_PX,
    AssembleSpec,
    CertifySpec,
    CompareSpec,
    CurateSpec,
    EvaluateSpec,
    FilmSpec,
    GiantSpec,
    ImportSpec,
    JobSpec,
    OnnxSpec,
    PortraitSpec,
    RankSpec,
    RenderSpec,
    ReverdictSpec,
    SeededSpec,
    SeedRange,
    SelectSpec,
    TrainSpec,
    UpscaleSpec,
    VerifySpec,
    looks,
    parse_seeds,
)


def units_of(spec: JobSpec) -> tuple[SeedRange, ...]:
    """The half-open unit ranges of a job: seeds, frames, photos, images to show, portraits to look at, or one unit."""
    match spec:
        case RenderSpec():
            return parse_seeds(spec.seeds)
        case CurateSpec():
            return (SeedRange(0, spec.photos),)
        case FilmSpec():
            return (SeedRange(0, spec.frames),)
        case GiantSpec() | UpscaleSpec():
            raise InvalidInput("a giant job's units depend on its cascade")
        case TrainSpec():
            return (SeedRange(spec.start_nimg, _resolved(spec.total_nimg, "total_nimg")),)
        case AssembleSpec() | ImportSpec() | OnnxSpec() | RankSpec() | ReverdictSpec():
            return (SeedRange(0, 1),)
        case SelectSpec():
            return phases_as_ranges(phases_of(spec))
        case EvaluateSpec() | CompareSpec() | CertifySpec():
            return phases_as_ranges(lengths_of(spec))
        case VerifySpec():
            return (SeedRange(0, _resolved(spec.sample, "sample")),)


def phases_as_ranges(lengths: tuple[int, ...]) -> tuple[SeedRange, ...]:
    """Units of so many in each phase, one behind the other."""
    return tuple(itertools.starmap(SeedRange, itertools.pairwise((0, *itertools.accumulate(lengths)))))


def lengths_of(spec: EvaluateSpec | CompareSpec | CertifySpec) -> tuple[int, ...]:
    """How many units each phase of a resolved evaluation or certification has."""
    if isinstance(spec, CertifySpec):
        return 1, -(-_resolved(spec.sample, "sample") // looks.CERTIFIED)
    return looks.lengths_of(spec)


def _resolved(value: int | None, field: str) -> int:
    if value is None:
        raise InvalidInput("the job is not resolved", problems=[Problem(field, "is missing")])
    return value


def phases_of(spec: SelectSpec) -> tuple[int, int, int]:
    """How many previews a selection paints, how many units rank them (one), and how many portraits are promoted."""
    return sum(map(len, parse_seeds(spec.seeds))), 1, spec.keep_best


def previews_of(spec: SelectSpec) -> RenderSpec:
    """The previews of a selection whose sizes are resolved, as a render job would have them."""
    return promoted_of(spec, size_px=_resolved(spec.preview_px, "preview_px"))


def promoted_of(spec: SelectSpec | RenderSpec, *, size_px: int | None = None) -> RenderSpec:
    """The portraits of a selection as a render job would have them, or those of a render job at another size.

    A face is the same at every size: the chain of steps up to the smaller one is a part of the larger one's.
    """
    shared = {name: getattr(spec, name) for name in SeededSpec.model_fields}
    return RenderSpec(**shared | {"size_px": size_px or spec.size_px})


def sampled_place(unit: int, *, job: int, sample: int, total: int) -> int:
    """Which of a job's `total` portraits unit 0 … sample - 1 of a verification looks at.

    The list is cut into `sample` equal parts, and of each one place is drawn by a hash: spread evenly, the same
    every time, another one for another job, and all places when `sample` is `total`.
    """
    lo, hi = unit * total // sample, (unit + 1) * total // sample
    return lo + int(canonical_digest(["verify", job, unit])[:16], 16) % (hi - lo)


def series_of(spec: RenderSpec, *, sizes: tuple[int, ...]) -> str:
    """What all portraits of a render job share, whatever their seed."""
    return recipe_for(spec, 0, sizes=sizes).series


def sizes_px(cascade_config: Mapping[str, Any]) -> tuple[int, ...]:
    """The stage sizes of a cascade, smallest first, from its cascade.json (`stages`: each with `size_px`)."""
    return tuple(int(stage["size_px"]) for stage in cascade_config["stages"])


def has_texture(cascade_config: Mapping[str, Any]) -> bool:
    """Whether a cascade's upscalers can be told a texture, from its cascade.json."""
    return any("texture" in stage for stage in cascade_config["stages"])


def reachable_px(sizes: tuple[int, ...]) -> tuple[int, ...]:
    """The sizes a chain of steps can end at: the stages', then the last upscaler's again and again, smallest first.

    `sizes` as `sizes_px` gives them. Any size up to the largest can be asked for: between two of these it is the
    larger one, reduced once (docs/recipes.md §1).
    """
    found = list(sizes)
    factor = sizes[-1] // sizes[-2] if len(sizes) > 1 else 1
    while factor > 1 and found[-1] * factor <= MAX_SIZE_PX:
        found.append(found[-1] * factor)
    return tuple(size for size in found if size <= MAX_SIZE_PX) or sizes[:1]


def told_reach(reached: tuple[int, ...]) -> str:
    """What `reachable_px` found, for people: `any size up to 4096 px; 64, 256, 1024, 4096 as painted`."""
    return f"any size up to {reached[-1]} px; {', '.join(map(str, reached))} as painted"


def recipe_of_photo(spec: UpscaleSpec, *, sizes: tuple[int, ...]) -> Recipe:
    """The recipe of an enlarged photograph: as many of the last upscaler's steps as reach the size.

    Raises InvalidInput where nothing is to be enlarged, or nothing can.
    """
    factor = sizes[-1] // sizes[-2] if len(sizes) > 1 else 1
    if spec.long_px is None or factor == 1:
        told = "this cascade has no upscaler" if factor == 1 else "the photograph's size is not resolved"
        raise InvalidInput("the photograph cannot be enlarged", problems=[Problem("cascade", told)])
    long_px, count = spec.long_px, 0
    if long_px >= spec.size_px:
        told = f"the photograph is {long_px} px long already; ask for more"
        raise InvalidInput("there is nothing to enlarge", problems=[Problem("size_px", told)])
    while long_px < spec.size_px:
        long_px, count = factor * long_px, count + 1
    return Recipe(
        cascade=spec.cascade,
        latent_seed=0,
        noise_seed=spec.noise_seed,
        texture=spec.texture,
        steps=(Step(stage=len(sizes) - 1, sigma=spec.sigma),) * count,
        size_px=spec.size_px,
        resampler="none" if long_px == spec.size_px else "area",
        photo=spec.photo,
    )


def recipe_of_giant(spec: GiantSpec | UpscaleSpec, seed: int, *, sizes: tuple[int, ...]) -> Recipe:
    """The recipe of one picture of a giant job: one of its seeds, or the photograph, whatever the seed."""
    if isinstance(spec, UpscaleSpec):
        return recipe_of_photo(spec, sizes=sizes)
    noise_seed = seed if spec.noise_seed is None else spec.noise_seed
    recipe = _portrait(spec, seed, noise_seed=noise_seed, sizes=sizes)
    return replace(recipe, candidates=spec.candidates)


def recipe_for(spec: PortraitSpec, unit: int, *, sizes: tuple[int, ...]) -> Recipe:
    """The recipe of one unit of a job whose cascade is already a digest: a seed, or a film's frame.

    `sizes` as `sizes_px` gives them. Raises InvalidInput for a size beyond the cascade's reach.
    """
    if isinstance(spec, FilmSpec):
        return _frame(spec, unit, sizes=sizes)
    recipe = _portrait(spec, unit, noise_seed=unit if spec.noise_seed is None else spec.noise_seed, sizes=sizes)
    recipe = replace(recipe, candidates=spec.candidates)
    return replace(recipe, path=PathPoint(keys=spec.path.keys, at=spec.path.at)) if spec.path else recipe


def _frame(spec: FilmSpec, frame: int, *, sizes: tuple[int, ...]) -> Recipe:
    """Keyframes are the same time apart. A frame at one of them, or between two equal ones, is that seed's portrait."""
    count, last = len(spec.keys), len(spec.keys) - 1
    spans, of = (count, spec.frames) if spec.loop else (last, spec.frames - 1)
    start, rest = divmod(frame * spans, of)
    places = (start - 1, start, start + 1, start + 2)
    before, begin, end, after = (
        spec.keys[place % count if spec.loop else max(0, min(place, last))] for place in places
    )
    noise_seed = spec.keys[0] if spec.noise_seed is None else spec.noise_seed
    if spec.noise == "moving":
        noise_seed = (noise_seed + frame) % SEED_LIMIT
    recipe = _portrait(spec, begin, noise_seed=noise_seed, sizes=sizes)
    if rest == 0 or begin == end:
        return recipe
    shared = math.gcd(rest, of)
    return replace(recipe, path=PathPoint(keys=(before, begin, end, after), at=(rest // shared, of // shared)))


def _portrait(spec: PortraitSpec | GiantSpec, seed: int, *, noise_seed: int, sizes: tuple[int, ...]) -> Recipe:
    reached = reachable_px(sizes)
    index = next((index for index, size in enumerate(reached) if size >= spec.size_px), None)
    if index is None:
        raise InvalidInput("the size is out of reach", problems=[Problem("size_px", told_reach(reached))])
    last = len(sizes) - 1
    return Recipe(
        cascade=spec.cascade,
        latent_seed=seed,
        noise_seed=noise_seed,
        psi=spec.psi,
        texture=spec.texture,
        steps=tuple(Step(stage=min(step, last), sigma=spec.sigma) for step in range(1, index + 1)),
        size_px=spec.size_px,
        resampler="none" if reached[index] == spec.size_px else "area",
    )
