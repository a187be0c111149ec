"""Select: previews of all seeds, a ranking of them, and the best at full size. One job, three phases.

Units 0 … n - 1 are previews, n is the ranking, and from n + 1 on unit n + 1 + k is the portrait of the k-th best. Each
phase begins when the one before it is settled, and no task spans two of them.
"""

import functools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from farm.errors import NotFound
from farm.ledger import Ledger
from farm.ledger.outputs import outputs_of
from farm.ledger.rows import Outcome, PortraitRow
from farm.planning import phases_of, previews_of, promoted_of, recipe_for, sizes_px
from farm.recipe import Recipe
from farm.specs import SelectSpec, parse_seeds
from farm.specs.seeds import nth_seed
from farm.storage import Storage
from workers.lifecycle import Assignment
from workers.rendering.contact_sheet import Tile
from workers.tasks.claimed import spec_of
from workers.tasks.ranking import Asked, Reading, rank_unit
from workers.tasks.render import RenderTask

NOT_RANKED = "too few previews could be ranked"
PREVIEWS, PROMOTED = "previews", "promoted"


@dataclass(frozen=True, kw_only=True)
class SelectTask:
    """The handler of select tasks: `render` paints for it."""

    ledger: Ledger
    storage: Storage
    render: RenderTask

    def __call__(self, assignment: Assignment) -> Outcome | None:
        """Raises CascadeInvalid, OutOfMemory, StorageUnavailable, WorkFailed."""
        claim = assignment.claim
        spec = spec_of(claim, SelectSpec)
        cascade = self.render.cascades.get(spec.cascade)
        previews, _, _ = phases_of(spec)
        if claim.cursor == previews:
            asked = Asked(spec=previews_of(spec), job=claim.job_id, rank=spec.rank or "judge", best=spec.keep_best)
            return rank_unit(assignment, asked, Reading(ledger=self.ledger, storage=self.storage, cascade=cascade))
        units = Units(spec, cascade.sizes_px, functools.partial(ranked_seeds, self.ledger, self.storage, claim.job_id))
        before_s, before = self.render.meter.spent.seconds()["device"], self.render.meter.rendered
        if claim.cursor < previews:
            self.render.paint(assignment, cascade, units.preview)
        else:
            self._promote(assignment, units)
        worked_s, painted = self.render.meter.spent.seconds()["device"] - before_s, self.render.meter.rendered - before
        phase = PREVIEWS if claim.cursor < previews else PROMOTED
        return Outcome(output={"phase": phase, "device_s": round(worked_s, 4), "painted": painted})

    def _promote(self, assignment: Assignment, units: "Units") -> None:
        """Paint those that were ranked; where previews failed there may be too few."""
        cascade = self.render.cascades.get(units.spec.cascade)
        end = units.first_promoted + len(units.ranked)
        self.render.paint(assignment, cascade, units.promoted, until=end)
        while end <= assignment.cursor < assignment.hi and not assignment.stop:
            assignment.settle(assignment.cursor, error=NOT_RANKED)


class Units:
    """A selection's units as recipes. `read` gives the seeds of its ranking, best first; asked once, when needed."""

    def __init__(self, spec: SelectSpec, sizes: tuple[int, ...], read: Callable[[], tuple[int, ...]]) -> None:
        self.spec, self._sizes, self._read = spec, sizes, read
        self._seeds = parse_seeds(spec.seeds)
        self._small, self._large = previews_of(spec), promoted_of(spec)
        previews, ranking, _ = phases_of(spec)
        self.ranking_unit, self.first_promoted = previews, previews + ranking

    @functools.cached_property
    def ranked(self) -> tuple[int, ...]:
        """Seeds in order, best first; none where there is no ranking."""
        return self._read()

    def preview(self, unit: int) -> Recipe:
        """The recipe of a preview."""
        return recipe_for(self._small, nth_seed(self._seeds, unit), sizes=self._sizes)

    def promoted(self, unit: int) -> Recipe:
        """The recipe of a promoted portrait. Raises IndexError where so many were not ranked."""
        return recipe_for(self._large, self.ranked[unit - self.first_promoted], sizes=self._sizes)

    def recipe_of(self, unit: int) -> Recipe | None:
        """The recipe of any unit, None where it is no portrait."""
        if unit < self.ranking_unit:
            return self.preview(unit)
        ranked = unit > self.ranking_unit and unit - self.first_promoted < len(self.ranked)
        return self.promoted(unit) if ranked else None


def units_of(ledger: Ledger, storage: Storage, job_id: int, spec: SelectSpec) -> Units:
    """The units of a select job. Raises NotFound where its cascade is gone."""
    sizes = sizes_px(ledger.cascade(spec.cascade).config)
    return Units(spec, sizes, functools.partial(ranked_seeds, ledger, storage, job_id))


def ranked_seeds(ledger: Ledger, storage: Storage, job_id: int) -> tuple[int, ...]:
    """Seeds of the accepted ranking, best first; none where there is no ranking."""
    found = outputs_of(ledger, job_id, "ranking")
    if not found:
        return ()
    told: dict[str, Any] = json.loads(storage.get(found[0]))
    return tuple(int(row["seed"]) for row in told["rows"])


def savings(ledger: Ledger, job_id: int, spec: SelectSpec) -> dict[str, float | int] | None:
    """What the early cull was worth, from what the job's tasks measured; None where nothing was painted in a phase.

    Portraits that were found stored took no time and tell nothing. What a lost attempt spent is not known.
    """
    outputs = [task.output for task in ledger.tasks_of(job_id, states=["done"]) if task.output]
    seconds, painted = {PREVIEWS: 0.0, PROMOTED: 0.0}, {PREVIEWS: 0, PROMOTED: 0}
    for output in outputs:
        if output.get("phase") in seconds:
            seconds[output["phase"]] += float(output["device_s"])
            painted[output["phase"]] += int(output["painted"])
    if not painted[PREVIEWS] or not painted[PROMOTED]:
        return None
    portrait_s = seconds[PROMOTED] / painted[PROMOTED]
    previews, _, kept = phases_of(spec)
    return {
        "previews_s": round(seconds[PREVIEWS], 3),
        "portrait_s": round(portrait_s, 4),
        "culled": previews - kept,
        "saved_s": round((previews - kept) * portrait_s - seconds[PREVIEWS], 3),
    }


def tiles_of(units: Units, *, ledger: Ledger, storage: Storage, most: int) -> Iterator[Tile]:
    """The promoted portraits for a contact sheet, best first: their place and seed, and their files."""
    count = min(units.spec.keep_best, len(units.ranked), most)
    recipes = [units.promoted(units.first_promoted + place).digest for place in range(count)]
    rows = ledger.portraits_by_recipe(recipes)
    for place, recipe in enumerate(recipes):
        yield Tile(label=f"{place + 1}: {units.ranked[place]}", picture=_body(rows.get(recipe), storage))


def _body(row: PortraitRow | None, storage: Storage) -> bytes | None:
    try:
        return storage.get(row.key) if row is not None else None
    except NotFound:
        return None  # deleted meanwhile: an empty tile with its seed
