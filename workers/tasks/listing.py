"""List: parts of a job's result list, each written as soon as what it tells of is settled.

A part has one key, and appears under it whole. Its bytes follow from the settled units, so that an attempt that comes
after a lost one finds the file there or writes the same. Only units that were opened again (by a retry or an
extension) give their part other bytes. A list task never replaces a part: one that was told to stop, but is slow to
hear it, would bring back what the units were before. The finalise task does, when every unit is settled.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from farm.errors import NotFound, WorkFailed
from farm.ledger import Ledger
from farm.ledger.listing import parts_of
from farm.ledger.rows import Outcome
from farm.specs import FilmSpec, GiantSpec, RenderSpec, SelectSpec, UpscaleSpec, parse_spec
from farm.storage import Storage, keys
from workers.lifecycle import Assignment
from workers.tasks.giant_end import giant_results
from workers.tasks.result_list import ResultList, open_results
from workers.tasks.select import units_of


@dataclass(frozen=True, kw_only=True)
class ListTask:
    """The handler of list tasks. A unit is a part."""

    ledger: Ledger
    storage: Storage

    def __call__(self, assignment: Assignment) -> Outcome:
        """Write those of the parts that the job has and that are not written. Raises StorageUnavailable, NotFound."""
        claim = assignment.claim
        results = results_of(self.ledger, self.storage, claim.job_id)
        wanted = [part for part in unwritten(results) if claim.lo <= part < claim.hi]
        written = write_parts(results, wanted, storage=self.storage, assignment=assignment, replace=False)
        if not assignment.stop:
            assignment.advance(claim.hi)
        return Outcome(parts=written)


def results_of(ledger: Ledger, storage: Storage, job_id: int) -> ResultList:
    """The result list of a job that has portraits, whatever its kind. Raises WorkFailed for another one, NotFound."""
    spec = parse_spec(ledger.get_job(job_id).spec)
    if isinstance(spec, RenderSpec | FilmSpec):
        return open_results(ledger, job_id, spec)
    if isinstance(spec, GiantSpec | UpscaleSpec):
        return giant_results(ledger, job_id, spec)
    if isinstance(spec, SelectSpec):
        return ResultList(
            ledger=ledger,
            job_id=job_id,
            cascade=spec.cascade,
            ranges=tuple(sorted(ledger.ranges_of(job_id))),
            recipe_of=units_of(ledger, storage, job_id, spec).recipe_of,
        )
    raise WorkFailed(f"nothing is known of listing a {spec.kind!r} job")


def unwritten(results: ResultList) -> Iterable[int]:
    """The parts of a result list that are not written, or not as they are now; in order."""
    written = results.ledger.written_parts(results.job_id)
    return (part for part in parts_of(results.ranges) if part not in written)


def write_parts(
    results: ResultList, parts: Iterable[int], *, storage: Storage, assignment: Assignment, replace: bool = True
) -> tuple[int, ...]:
    """Writes parts one after another, until the assignment stops; those that are written now.

    replace: where another file lies under the key; else that part is left out.
    """
    written = []
    for part in parts:
        body = results.part(part, alive=assignment.alive)
        if assignment.stop:
            break
        key = keys.job_manifest(results.job_id, part)
        if _put(storage, key, body):
            written.append(part)
        elif replace and assignment.may_write:
            storage.put(key, body, if_absent=False)
            written.append(part)
    return tuple(written)


def _put(storage: Storage, key: str, body: bytes) -> bool:
    """Puts where nothing lies. False where something else does."""
    while not storage.put(key, body, if_absent=True):
        try:
            return storage.get(key) == body
        except NotFound:  # deleted just now
            continue
    return True
