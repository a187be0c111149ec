"""Giant jobs as the service sees them: names and photographs resolved, and the units that come of it."""

from farm.errors import InvalidInput, Problem
from farm.ledger import Ledger
from farm.ledger.rows import Phases
from farm.planning import recipe_of_giant, sizes_px
from farm.recipe import Recipe
from farm.service.photo_size import photo_sides
from farm.specs import GiantSpec, SeedRange, UpscaleSpec, parse_seeds
from farm.storage import Storage
from farm.tiling import GiantPlan, plan_of

MAX_END_PX = 65_536
"""Where a chain may end before its result is reduced."""


def with_photo(spec: UpscaleSpec, *, storage: Storage) -> UpscaleSpec:
    """The spec with where its photograph lies, and how large it is. Raises InvalidInput where there is none."""
    found = next(storage.list(f"photos/{spec.photo[:2]}/{spec.photo}."), None)
    if found is None:
        problem = Problem("photo", "was not uploaded; `farm upscale FILE` does it, or PUT /v1/photos/{sha256}")
        raise InvalidInput("there is no such photograph", problems=[problem])
    short, long = photo_sides(storage.get(found.key))
    return spec.model_copy(update={"photo_key": found.key, "long_px": long, "short_px": short})


def plan_for(spec: GiantSpec | UpscaleSpec, *, ledger: Ledger) -> GiantPlan:
    """The units of a resolved giant job. Raises InvalidInput where a size cannot be reached."""
    config = ledger.cascade(spec.cascade).config
    pictures, sides = 1, None
    if isinstance(spec, GiantSpec):
        pictures, seed = len(spec.seed_list), spec.seed_list[0]
    else:
        seed, sides = 0, (spec.short_px or 1, spec.long_px or 1)  # which way up it is changes no count
    plan = plan_of(config, recipe_of_giant(spec, seed, sizes=sizes_px(config)), pictures=pictures, photo=sides)
    if max(plan.end) > MAX_END_PX:
        told = f"the chain would end at {max(plan.end)} px; ask for less, or give a smaller photograph"
        raise InvalidInput("the size is out of reach", problems=[Problem("size_px", told)])
    return plan


def phases_of(spec: GiantSpec | UpscaleSpec, *, ledger: Ledger) -> Phases:
    """The units of a resolved giant job, as the ledger takes them."""
    return Phases(plan_for(spec, ledger=ledger).lengths)


def seeds_of(spec: GiantSpec | UpscaleSpec) -> tuple[SeedRange, ...]:
    """The seeds of its pictures; 0 stands for the photograph."""
    return parse_seeds(spec.seeds) if isinstance(spec, GiantSpec) else (SeedRange(0, 1),)


def recipe_of(spec: GiantSpec | UpscaleSpec, seed: int, *, ledger: Ledger) -> Recipe:
    """The recipe of one of its pictures."""
    return recipe_of_giant(spec, seed, sizes=sizes_px(ledger.cascade(spec.cascade).config))
