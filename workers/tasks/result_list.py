"""What a render job came to, looked up page by page, so that no job is too long for memory."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from farm.ledger import Ledger
from farm.ledger.rows import PortraitRow
from farm.planning import recipe_for, sizes_px
from farm.specs import PortraitSpec, SeedRange
from workers.rendering.result_manifest import ResultRow, result_manifest

PART_SEEDS = 100_000
PAGE_SEEDS = 1_000
NO_PORTRAIT = "no portrait is stored"


@dataclass(frozen=True, kw_only=True)
class ResultList:
    """A job's seeds, or frames, with what became of each. `sizes` are its cascade's (`sizes_px`)."""

    ledger: Ledger
    spec: PortraitSpec
    job_id: int
    sizes: tuple[int, ...]
    ranges: tuple[SeedRange, ...]
    errors: Mapping[int, str] = field(repr=False)

    def __len__(self) -> int:
        return sum(map(len, self.ranges))

    def parts(self, *, alive: Callable[[], None]) -> Iterator[bytes]:
        """Parquet files of at most PART_SEEDS rows, seeds ascending; `alive` is called after every page."""
        for start in range(0, len(self), PART_SEEDS):
            rows: list[ResultRow] = []
            for page in range(start, min(start + PART_SEEDS, len(self)), PAGE_SEEDS):
                rows += self._rows(self._seeds(page, min(PAGE_SEEDS, start + PART_SEEDS - page)))
                alive()
            yield result_manifest(rows)

    def portraits_at(self, places: Sequence[int]) -> list[tuple[int, PortraitRow | None]]:
        """Seed and portrait at some places of the list, e.g. first and last."""
        seeds = [seed for place in places for seed in self._seeds(place, 1)]
        digests = [recipe_for(self.spec, seed, sizes=self.sizes).digest for seed in seeds]
        stored = self.ledger.portraits_by_recipe(digests)
        return [(seed, stored.get(digest)) for seed, digest in zip(seeds, digests, strict=True)]

    def _seeds(self, start: int, count: int) -> list[int]:
        """Seeds number start … start + count - 1 of the job, without walking over those before."""
        found: list[int] = []
        for units in self.ranges:
            if start < len(units) and count > len(found):
                found += range(units.lo + start, min(units.hi, units.lo + start + count - len(found)))
                start = 0
            else:
                start -= len(units)
        return found

    def _rows(self, seeds: Sequence[int]) -> Iterator[ResultRow]:
        digests = [recipe_for(self.spec, seed, sizes=self.sizes).digest for seed in seeds]
        stored = self.ledger.portraits_by_recipe(digests)
        for seed, digest in zip(seeds, digests, strict=True):
            row = stored.get(digest)
            if row is None:
                yield ResultRow(seed=seed, recipe=digest, error=self.errors.get(seed, NO_PORTRAIT))
                continue
            yield ResultRow(
                seed=seed,
                recipe=digest,
                key=row.key,
                sha256=row.sha256,
                size_bytes=row.size_bytes,
                render_class=row.render_class,
            )


def open_results(ledger: Ledger, job_id: int, spec: PortraitSpec) -> ResultList:
    """The result list of a settled job.

    Raises NotFound when its cascade is gone.
    """
    return ResultList(
        ledger=ledger,
        spec=spec,
        job_id=job_id,
        sizes=sizes_px(ledger.cascade(spec.cascade).config),
        ranges=tuple(sorted(ledger.ranges_of(job_id))),
        errors=errors_of(ledger, job_id),
    )


def errors_of(ledger: Ledger, job_id: int) -> dict[int, str]:
    """The quarantined units of a job, with their errors."""
    found: dict[int, str] = {}
    while page := ledger.failures_of(job_id, after_unit=max(found, default=-1), limit=PAGE_SEEDS):
        found.update({failure.unit: failure.error for failure in page})
    return found
