"""A job's portraits, found by computing each unit's recipe: the farm keeps no list of them. Units: seeds or frames."""

import itertools
from collections.abc import Iterable, Iterator
from functools import partial

from farm.errors import Conflict
from farm.ledger import Ledger
from farm.ledger.rows import Job, Phases, PortraitRanges
from farm.planning import lengths_of, phases_of, promoted_of, recipe_for, recipe_of_giant, series_of, sizes_px, units_of
from farm.recipe import Recipe
from farm.service import choosing, giants
from farm.service.links import LINK_S
from farm.service.views import PortraitPage, PortraitView
from farm.specs import (
    CertifySpec,
    CompareSpec,
    EvaluateSpec,
    GiantSpec,
    JobSpec,
    PortraitSpec,
    RenderSpec,
    SeedRange,
    SelectSpec,
    UpscaleSpec,
    parse_spec,
)
from farm.specs.kinds import GIANT_KINDS, PLANNED_KINDS
from farm.storage import Storage


def units_asked(spec: JobSpec, *, ledger: Ledger) -> tuple[SeedRange, ...] | PortraitRanges | Phases:
    """The units of a resolved job; of a render job with what says which portraits they are."""
    if isinstance(spec, GiantSpec | UpscaleSpec):
        return giants.phases_of(spec, ledger=ledger)
    if isinstance(spec, SelectSpec):
        return Phases(phases_of(spec))
    if isinstance(spec, EvaluateSpec | CompareSpec | CertifySpec):
        return Phases(lengths_of(spec))
    units = units_of(spec)
    if not isinstance(spec, RenderSpec):
        return units
    series = series_of(spec, sizes=sizes_px(ledger.cascade(spec.cascade).config))
    return PortraitRanges(ranges=units, series=series, noise_seed=spec.noise_seed)


def recipe_of_seed(spec: JobSpec, seed: int, *, ledger: Ledger) -> Recipe:
    """The recipe of one seed of a render or giant job, or frame of a film. Raises Conflict for other jobs."""
    if isinstance(spec, GiantSpec | UpscaleSpec):
        return giants.recipe_of(spec, seed, ledger=ledger)
    if not isinstance(spec, PortraitSpec):
        raise Conflict(f"a {spec.kind} job has no portraits")
    return recipe_for(spec, seed, sizes=sizes_px(ledger.cascade(spec.cascade).config))


def page(job: Job, *, ledger: Ledger, storage: Storage, after_seed: int, limit: int) -> PortraitPage:
    """The next `limit` portraits of `job` after that seed; one SELECT for all of them.

    Raises Conflict where the job renders nothing.
    """
    spec = parse_spec(job.spec) if job.kind in PLANNED_KINDS | GIANT_KINDS | {"select"} else None
    if not isinstance(spec, PortraitSpec | GiantSpec | UpscaleSpec | SelectSpec):
        raise Conflict(f"job {job.id} is a {job.kind} job: it has no portraits")
    sizes = sizes_px(ledger.cascade(spec.cascade).config)
    ranges: tuple[SeedRange, ...]
    if isinstance(spec, PortraitSpec):
        ranges, of = tuple(ledger.ranges_of(job.id)), partial(recipe_for, spec, sizes=sizes)
    elif isinstance(spec, SelectSpec):
        chosen = choosing.promoted_seeds(job.id, spec, ledger=ledger, storage=storage)
        ranges = tuple(SeedRange(seed, seed + 1) for seed in chosen)
        of = partial(recipe_for, promoted_of(spec), sizes=sizes)
    else:
        ranges, of = giants.seeds_of(spec), partial(recipe_of_giant, spec, sizes=sizes)
    seeds = list(itertools.islice(seeds_after(ranges, after_seed), limit + 1))
    shown = seeds[:limit]
    recipes = {seed: of(seed).digest for seed in shown}
    rows = ledger.portraits_by_recipe(list(recipes.values()))
    errors = _errors(job, ledger=ledger, seeds=shown) if isinstance(spec, PortraitSpec) else {}
    views = tuple(
        PortraitView(
            seed=seed,
            recipe=recipe,
            stored=rows.get(recipe),
            url=storage.url(rows[recipe].key, expires_s=LINK_S) if recipe in rows else None,
            error=errors.get(seed),
        )
        for seed, recipe in recipes.items()
    )
    return PortraitPage(portraits=views, next_after=shown[-1] if len(seeds) > limit else None)


def seeds_after(ranges: Iterable[SeedRange], after_seed: int) -> Iterator[int]:
    """The seeds of sorted, disjoint `ranges` beyond `after_seed`, lazily."""
    for each in ranges:
        yield from range(max(each.lo, after_seed + 1), each.hi)


def _errors(job: Job, *, ledger: Ledger, seeds: list[int]) -> dict[int, str]:
    if not seeds or job.failed == 0:
        return {}
    found = ledger.failures_of(job.id, after_unit=seeds[0] - 1, limit=len(seeds))
    return {failure.unit: failure.error for failure in found}
