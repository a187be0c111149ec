"""The parts of a job's result list: which are settled, which are written, and which have to be written again.

A part holds the units PART_UNITS × part … PART_UNITS × (part + 1) - 1 of the job, as far as it has them. While the job
runs, `list` tasks write those that are settled; the finalise task writes what is missing. A row of `result_part`
stands for a written part. Units that are opened again take their parts' rows away.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import delete, func, or_, select, update

from farm.ledger.connection import Tx
from farm.ledger.cutting import insert_tasks, new_task
from farm.ledger.holding import OPEN_STATES, Held
from farm.ledger.schema import failure, job, job_range, result_part, task
from farm.ledger.states import JobState, TaskState
from farm.specs.kinds import BACKSTAGE_KINDS, LIST, LISTED_KINDS, PART_UNITS
from farm.specs.seeds import SeedRange

BATCH = 200
"""Ranges a statement, below every database's limit of nested conditions."""


def first_due(kind: str, ranges: Sequence[SeedRange]) -> dict[str, int]:
    """Values for the row of a new job with these sorted ranges."""
    return _due(ranges, ranges[0].lo // PART_UNITS) if kind in LISTED_KINDS else {}


def list_settled(tx: Tx, held: Held, state: JobState) -> None:
    """Inserts a task that lists the whole parts settled since the last one; `held` as this transaction left it.

    Of an ended or finishing job nothing: its finalise task sees to the rest. Nothing is asked of the ledger before so
    many units are settled that the next part could be whole.
    """
    if held.list_due is None or held.settled < held.list_due or state not in (JobState.RUNNING, JobState.PAUSED):
        return
    until = _settled_until(tx, held.job_id)
    if until is not None and held.listed < until // PART_UNITS:
        insert_tasks(tx, [new_task(held.job_id, LIST, held.listed, until // PART_UNITS)])
        _go_on_from(tx, held.job_id, until // PART_UNITS)


def keep_parts(tx: Tx, job_id: int, parts: Sequence[int]) -> None:
    """Notes parts as written, but for those of which some unit has been opened or added meanwhile."""
    until = _settled_until(tx, job_id) if parts else None
    rows = [{"job_id": job_id, "part": p} for p in parts if until is None or (p + 1) * PART_UNITS <= until]
    if rows:
        tx.run(tx.upsert(result_part).on_conflict_do_nothing(), rows)


def written_parts(tx: Tx, job_id: int) -> set[int]:
    """The parts that need not be written (again)."""
    return set(tx.run(select(result_part.c.part).where(result_part.c.job_id == job_id)).scalars())


def reopen_failed(tx: Tx, job_id: int) -> None:
    """The job's quarantined units are tried again: their parts will have to be written again."""
    parts = select(failure.c.unit // PART_UNITS).where(failure.c.job_id == job_id)
    lowest = tx.run(select(func.min(failure.c.unit)).where(failure.c.job_id == job_id)).scalar_one()
    if lowest is None:
        return
    tx.run(delete(result_part).where(result_part.c.job_id == job_id, result_part.c.part.in_(parts)))
    _list_again(tx, job_id, lowest // PART_UNITS)


def reopen(tx: Tx, job_id: int, ranges: Sequence[SeedRange]) -> None:
    """Units are added to the job: the parts they lie in will have to be written again."""
    for start in range(0, len(ranges), BATCH):
        touched = [
            result_part.c.part.between(units.lo // PART_UNITS, (units.hi - 1) // PART_UNITS)
            for units in ranges[start : start + BATCH]
        ]
        tx.run(delete(result_part).where(result_part.c.job_id == job_id, or_(*touched)))
    _list_again(tx, job_id, min(units.lo for units in ranges) // PART_UNITS)


def parts_of(ranges: Iterable[SeedRange]) -> Iterable[int]:
    """The parts of a job with these sorted, disjoint ranges, in order."""
    done = -1
    for units in ranges:
        first = max(done + 1, units.lo // PART_UNITS)
        done = (units.hi - 1) // PART_UNITS
        yield from range(first, done + 1)


def _settled_until(tx: Tx, job_id: int) -> int | None:
    """Every unit of the job below this one is settled; None where all of them are."""
    of_tasks = task.c.job_id == job_id, task.c.state.in_(OPEN_STATES), task.c.kind.not_in(BACKSTAGE_KINDS)
    open_from = tx.run(select(func.min(task.c.cursor)).where(*of_tasks)).scalar_one()
    of_ranges = job_range.c.job_id == job_id, job_range.c.next < job_range.c.hi
    uncut_from = tx.run(select(func.min(job_range.c.next)).where(*of_ranges)).scalar_one()
    return min((unit for unit in (open_from, uncut_from) if unit is not None), default=None)


def _list_again(tx: Tx, job_id: int, part: int) -> None:
    """Whoever writes parts just now read the units as they were: that ends, and listing goes on from `part`."""
    writing = task.c.job_id == job_id, task.c.kind == LIST, task.c.state.in_(OPEN_STATES)
    ended = update(task).where(*writing).values(state=TaskState.CANCELLED.value, lease_until=None)
    ended_at = tx.run(ended.returning(task.c.lo)).scalars()
    listed = tx.run(select(job.c.listed).where(job.c.id == job_id)).scalar_one()
    if listed is not None:
        _go_on_from(tx, job_id, min(part, listed, *ended_at))


def _go_on_from(tx: Tx, job_id: int, part: int) -> None:
    query = select(job_range.c.lo, job_range.c.hi).where(job_range.c.job_id == job_id)
    ranges = [SeedRange(row.lo, row.hi) for row in tx.run(query)]
    tx.run(update(job).where(job.c.id == job_id).values(**_due(ranges, part)))


def _due(ranges: Sequence[SeedRange], part: int) -> dict[str, int]:
    """The next part to list, and how many units of the job lie below its end: so many are settled before it is."""
    end = (part + 1) * PART_UNITS
    return {"listed": part, "list_due": sum(min(units.hi, end) - units.lo for units in ranges if units.lo < end)}
