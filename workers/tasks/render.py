"""Render: units in, portraits in storage out. A stored recipe is never rendered again."""

import bisect
import sys
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial

from farm.ledger import Ledger
from farm.ledger.rows import Outcome, PortraitRow
from farm.planning import recipe_for
from farm.recipe import Recipe
from farm.specs import FilmSpec, PortraitSpec, RenderSpec
from farm.specs.kinds import SEED_KINDS
from farm.storage import Storage
from workers.cascade.cascade import Cascade
from workers.lifecycle import Assignment
from workers.rendering.outcomes import Failed, Rendered
from workers.rendering.pipeline import Pipeline, Threads
from workers.tasks.claimed import spec_of
from workers.tasks.loaded import LoadedCascades
from workers.tasks.portrait_store import RENDER_CLASS, PortraitStore
from workers.tasks.render_meter import RenderMeter

PAGE_UNITS = 4096
"""Units whose recipes are held at once; also the most looked up by one SELECT."""
CANDIDATE = "candidate"
"""Keyword of the PNG text that says which of a recipe's candidates the judge chose, from 0."""
RecipeOf = Callable[[int], Recipe]
"""The recipe of a unit."""


@dataclass(frozen=True, kw_only=True)
class RenderTask:
    """The handler of tasks whose units are pictures of recipes; other handlers let it `paint` for them."""

    ledger: Ledger
    storage: Storage
    cascades: LoadedCascades
    threads: Threads
    meter: RenderMeter = field(default_factory=RenderMeter)

    def __call__(self, assignment: Assignment) -> Outcome | None:
        """Settle units in order: found ones at once, the others as the pipeline stores them.

        Raises CascadeInvalid, OutOfMemory, StorageUnavailable, WorkFailed: what is no single portrait's fault.
        """
        claim = assignment.claim
        spec: PortraitSpec = spec_of(claim, FilmSpec) if claim.kind == "film" else spec_of(claim, RenderSpec)
        cascade = self.cascades.get(spec.cascade)
        self.paint(assignment, cascade, lambda unit: recipe_for(spec, unit, sizes=cascade.sizes_px))
        return None

    def paint(self, assignment: Assignment, cascade: Cascade, recipe_of: RecipeOf, *, until: int = sys.maxsize) -> None:
        """Settle the units below `until`, each the portrait of its recipe. Two units may have the same one.

        Raises as a call does.
        """
        assignment.begin()
        while assignment.cursor < min(assignment.hi, until) and not assignment.stop:
            units = range(assignment.cursor, min(assignment.hi, until, assignment.cursor + PAGE_UNITS))
            self._page(assignment, cascade, {unit: recipe_of(unit) for unit in units})

    def _page(self, assignment: Assignment, cascade: Cascade, recipes: dict[int, Recipe]) -> None:
        page = _Page(assignment, recipes, self.meter)
        claim = assignment.claim
        covering = None if claim.kind in SEED_KINDS else claim.job_id
        found = self.ledger.portraits_by_recipe(list(page.digests.values()), for_job=covering)
        missing = page.missing(found.keys())
        render_class = cascade.render_class()
        store = PortraitStore(self.storage, render_class=render_class, assignment=assignment)
        chosen: dict[str, int] = {}
        pipeline = Pipeline(
            render=partial(cascade.render, told=lambda recipe, candidate: chosen.update({recipe.digest: candidate})),
            store=store,
            told=lambda recipe: {CANDIDATE: str(chosen.pop(recipe.digest))} if recipe.candidates > 1 else {},
            notes=notes_of(cascade, next(iter(recipes.values())), render_class),
            threads=self.threads,
            spent=self.meter.spent,
        )
        outcomes = pipeline.run(
            [recipes[unit] for unit in missing],
            stop=threading.Event(),
            wanted=lambda: 0 if assignment.stop else bisect.bisect_left(missing, assignment.hi),
        )
        for outcome in outcomes:
            unit = missing[outcome.index]
            page.settle_until(unit)
            match outcome:
                case Rendered():
                    page.rendered(unit, store.row_of(outcome, recipes[unit]))
                case Failed():
                    page.failed(unit, outcome.error)
        rest = next((unit for unit in missing if unit >= assignment.cursor), max(recipes) + 1)
        page.settle_until(min(rest, assignment.hi))


class _Page:
    """Units of an assignment whose recipes are at hand, and what became of them."""

    def __init__(self, assignment: Assignment, recipes: dict[int, Recipe], meter: RenderMeter) -> None:
        self.digests = {unit: recipe.digest for unit, recipe in recipes.items()}
        self._assignment, self._meter = assignment, meter
        self._errors: dict[str, str] = {}

    def missing(self, found: Collection[str]) -> list[int]:
        """The units to paint: the first of each recipe that is not stored."""
        first: dict[str, int] = {}
        for unit, digest in self.digests.items():
            if digest not in found:
                first.setdefault(digest, unit)
        return list(first.values())

    def rendered(self, unit: int, row: PortraitRow) -> None:
        self._meter.count("rendered")
        self._assignment.settle(unit, portrait=row)

    def failed(self, unit: int, error: str) -> None:
        self._meter.count("failed")
        self._errors[self.digests[unit]] = error
        self._assignment.settle(unit, error=error)

    def settle_until(self, until: int) -> None:
        """The units before `until` are stored already, or failed as an earlier one of the same recipe."""
        for unit in range(self._assignment.cursor, until):
            error = self._errors.get(self.digests[unit])
            if error is not None:
                self.failed(unit, error)
                continue
            self._meter.count("reused")
            self._assignment.settle(unit, worked=False)


def notes_of(cascade: Cascade, recipe: Recipe, render_class: str) -> dict[str, str]:
    """What each file says beside its recipe: where its bytes can be made again, and how far its cascade was taught.

    The recipes of one job end with the same stage, so that any of them tells.
    """
    stage = cascade.config.stages[recipe.steps[-1].stage if recipe.steps else 0]
    return {RENDER_CLASS: render_class, "taught_to_px": str(stage.taught_to_px)}


def threads_for(device: str, cores: int) -> Threads:
    """A CPU worker's one encoder keeps up with its networks; a GPU leaves the cores free for several."""
    return Threads(encoders=1) if device == "cpu" else Threads(encoders=max(2, min(8, cores // 2)))
