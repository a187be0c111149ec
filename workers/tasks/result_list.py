"""What became of a job's portraits, looked up page by page, so that no job is too long for memory."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from farm.errors import WorkFailed
from farm.ledger import Ledger
from farm.ledger.rows import PortraitRow
from farm.planning import recipe_for, sizes_px
from farm.recipe import Recipe
from farm.specs import PortraitSpec, SeedRange
from farm.specs.kinds import PART_UNITS
from workers.rendering.result_manifest import ResultRow, result_manifest

PAGE_UNITS = 1_000
NO_PORTRAIT = "no portrait is stored"


@dataclass(frozen=True, kw_only=True)
class ResultList:
    """A job's units with what became of each. `recipe_of`: a unit's recipe, None where it is no portrait.

    ranges: the job's units, sorted and disjoint. cascade: the digest of what paints them.
    """

    ledger: Ledger
    job_id: int
    cascade: str
    ranges: tuple[SeedRange, ...]
    recipe_of: Callable[[int], Recipe | None]

    def __len__(self) -> int:
        return sum(map(len, self.ranges))

    def part(self, number: int, *, alive: Callable[[], None]) -> bytes:
        """The Parquet file of the job's units PART_UNITS × number … + PART_UNITS - 1; `alive` is called after pages."""
        lo, hi = number * PART_UNITS, (number + 1) * PART_UNITS
        rows: list[ResultRow] = []
        for units in self.ranges:
            for start in range(max(lo, units.lo), min(hi, units.hi), PAGE_UNITS):
                rows += self._rows(range(start, min(start + PAGE_UNITS, hi, units.hi)))
                alive()
        return result_manifest(rows)

    def portraits_at(self, places: Sequence[int]) -> list[tuple[int, PortraitRow | None]]:
        """Unit and portrait at some places of the list, e.g. first and last."""
        units = [unit for place in places for unit in self._units(place, 1)]
        recipes = {unit: self.recipe_of(unit) for unit in units}
        stored = self.ledger.portraits_by_recipe([recipe.digest for recipe in recipes.values() if recipe])
        return [(unit, stored.get(recipe.digest) if recipe else None) for unit, recipe in recipes.items()]

    def recipe_at(self, unit: int) -> Recipe:
        """The recipe of a unit. Raises WorkFailed where it is no portrait."""
        recipe = self.recipe_of(unit)
        if recipe is None:
            raise WorkFailed(f"unit {unit} of job {self.job_id} is no portrait")
        return recipe

    def error_of(self, unit: int) -> str:
        """Why a unit without a portrait has none."""
        return _errors(self.ledger, self.job_id, range(unit, unit + 1)).get(unit, NO_PORTRAIT)

    def _units(self, start: int, count: int) -> list[int]:
        """Units number start … start + count - 1 of the job, without walking over those before."""
        found: list[int] = []
        for units in self.ranges:
            if start < len(units) and count > len(found):
                found += range(units.lo + start, min(units.hi, units.lo + start + count - len(found)))
                start = 0
            else:
                start -= len(units)
        return found

    def _rows(self, units: range) -> Iterator[ResultRow]:
        recipes = {unit: recipe for unit in units if (recipe := self.recipe_of(unit)) is not None}
        digests = {unit: recipe.digest for unit, recipe in recipes.items()}
        stored = self.ledger.portraits_by_recipe(list(digests.values()))
        errors = _errors(self.ledger, self.job_id, units)
        for unit, digest in digests.items():
            seed, row = recipes[unit].latent_seed, stored.get(digest)
            if row is None:
                yield ResultRow(unit=unit, seed=seed, recipe=digest, error=errors.get(unit, NO_PORTRAIT))
                continue
            yield ResultRow(
                unit=unit,
                seed=seed,
                recipe=digest,
                key=row.key,
                sha256=row.sha256,
                size_bytes=row.size_bytes,
                render_class=row.render_class,
            )


def open_results(ledger: Ledger, job_id: int, spec: PortraitSpec) -> ResultList:
    """The result list of a job.

    Raises NotFound when its cascade is gone.
    """
    sizes = sizes_px(ledger.cascade(spec.cascade).config)
    return ResultList(
        ledger=ledger,
        job_id=job_id,
        cascade=spec.cascade,
        ranges=tuple(sorted(ledger.ranges_of(job_id))),
        recipe_of=lambda unit: recipe_for(spec, unit, sizes=sizes),
    )


def errors_of(ledger: Ledger, job_id: int) -> dict[int, str]:
    """The quarantined units of a job, with their errors."""
    found: dict[int, str] = {}
    while page := ledger.failures_of(job_id, after_unit=max(found, default=-1), limit=PAGE_UNITS):
        found.update({failure.unit: failure.error for failure in page})
    return found


def _errors(ledger: Ledger, job_id: int, units: range) -> dict[int, str]:
    found = ledger.failures_of(job_id, after_unit=units.start - 1, limit=len(units))
    return {failure.unit: failure.error for failure in found if failure.unit in units}
