"""What a giant job leaves behind, and what goes with it: its tiles are no use once there are files."""

from collections.abc import Iterator

from farm.errors import NotFound
from farm.ledger import Ledger
from farm.planning import recipe_of_giant, sizes_px
from farm.recipe import Recipe
from farm.specs import GiantSpec, UpscaleSpec
from farm.storage import Storage, keys
from farm.tiling import Phase, plan_of
from workers.lifecycle import Assignment
from workers.rendering.contact_sheet import Tile, evenly
from workers.tasks.result_list import ResultList


def giant_results(ledger: Ledger, job_id: int, spec: GiantSpec | UpscaleSpec) -> ResultList:
    """The result list of a giant job: of its units only those that make a whole file are portraits."""
    config = ledger.cascade(spec.cascade).config
    sizes, seeds = sizes_px(config), seeds_of(spec)
    sides = (spec.short_px or 1, spec.long_px or 1) if isinstance(spec, UpscaleSpec) else None
    first = recipe_of_giant(spec, seeds[0], sizes=sizes)
    plan = plan_of(config, first, pictures=len(seeds), photo=sides)

    def recipe_of(unit: int) -> Recipe | None:
        place = plan.place(unit)
        return recipe_of_giant(spec, seeds[place.picture], sizes=sizes) if place.phase is Phase.MASTER else None

    ranges = tuple(sorted(ledger.ranges_of(job_id)))
    return ResultList(ledger=ledger, job_id=job_id, cascade=spec.cascade, ranges=ranges, recipe_of=recipe_of)


def seeds_of(spec: GiantSpec | UpscaleSpec) -> tuple[int, ...]:
    """The seeds of its pictures, ascending; 0 stands for the photograph."""
    return spec.seed_list if isinstance(spec, GiantSpec) else (0,)


def previews_of(storage: Storage, assignment: Assignment, spec: GiantSpec | UpscaleSpec) -> Iterator[Tile]:
    """Some of the pictures, small; without pixels those that another job had made before."""
    seeds = seeds_of(spec)
    for number in evenly(len(seeds)):
        body = None
        try:
            body = storage.get(keys.preview(assignment.claim.job_id, number))
        except NotFound:
            body = None
        assignment.alive()
        yield Tile(label=str(seeds[number]), picture=body)


def forget_tiles(storage: Storage, assignment: Assignment) -> None:
    """Delete what the job's units left for one another."""
    for info in storage.list(keys.tiles(assignment.claim.job_id)):
        storage.delete(info.key)
        assignment.alive()
