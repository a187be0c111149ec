"""The parts of a job's result list: which are settled, which are written, and which have to be written again.

A part holds the units PART_UNITS × part … PART_UNITS × (part + 1) - 1 of the job, as far as it has them. While the job
runs, a `list` task writes those that are settled; the finalise task writes what is missing. A row of `result_part`
stands for a written part. Units that are opened again take their parts' rows away.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, or_, select, update

from farm.ledger.connection import Tx
from farm.ledger.cutting import insert_tasks, new_task
from farm.ledger.holding import OPEN_STATES
from farm.ledger.schema import failure, job_range, result_part, task
from farm.ledger.states import JobState, TaskState
from farm.specs.kinds import BACKSTAGE_KINDS, LIST, LISTED_KINDS, PART_UNITS
from farm.specs.seeds import SeedRange

BATCH = 200
"""Ranges a statement, below every database's limit of nested conditions."""


@dataclass(frozen=True)
class _Standing:
    """until: every unit of the job below it is settled; None where all are. listed: parts below it have a task."""

    until: int | None
    listed: int


def _standing(tx: Tx, job_id: int) -> _Standing:
    """How far a job is settled and listed, in one statement."""
    of_tasks = task.c.job_id == job_id, task.c.state.in_(OPEN_STATES), task.c.kind.not_in(BACKSTAGE_KINDS)
    of_ranges = job_range.c.job_id == job_id, job_range.c.next < job_range.c.hi
    of_lists = task.c.job_id == job_id, task.c.kind == LIST, task.c.state != TaskState.CANCELLED.value
    row = tx.run(
        select(
            select(func.min(task.c.cursor)).where(*of_tasks).scalar_subquery().label("open_from"),
            select(func.min(job_range.c.next)).where(*of_ranges).scalar_subquery().label("uncut_from"),
            select(func.max(task.c.hi)).where(*of_lists).scalar_subquery().label("listed"),
            select(func.min(job_range.c.lo)).where(job_range.c.job_id == job_id).scalar_subquery().label("lowest"),
        )
    ).one()
    until = min((unit for unit in (row.open_from, row.uncut_from) if unit is not None), default=None)
    return _Standing(until, row.lowest // PART_UNITS if row.listed is None else row.listed)


def list_settled(tx: Tx, job_id: int, *, kind: str, state: JobState) -> None:
    """Inserts a task that lists the whole parts settled since the last one. The caller holds the job's lock.

    Of an ended or finishing job nothing: its finalise task sees to the rest.
    """
    if kind not in LISTED_KINDS or state not in (JobState.RUNNING, JobState.PAUSED):
        return
    found = _standing(tx, job_id)
    if found.until is not None and found.listed < found.until // PART_UNITS:
        insert_tasks(tx, [new_task(job_id, LIST, found.listed, found.until // PART_UNITS)])


def keep_parts(tx: Tx, job_id: int, parts: Sequence[int]) -> None:
    """Notes parts as written, but for those of which some unit has been opened or added meanwhile."""
    until = _standing(tx, job_id).until if parts else None
    rows = [{"job_id": job_id, "part": p} for p in parts if until is None or (p + 1) * PART_UNITS <= until]
    if rows:
        tx.run(tx.upsert(result_part).on_conflict_do_nothing(), rows)


def written_parts(tx: Tx, job_id: int) -> set[int]:
    """The parts that need not be written (again)."""
    return set(tx.run(select(result_part.c.part).where(result_part.c.job_id == job_id)).scalars())


def reopen_failed(tx: Tx, job_id: int) -> None:
    """The job's quarantined units are tried again: their parts will have to be written again."""
    parts = select(failure.c.unit // PART_UNITS).where(failure.c.job_id == job_id)
    tx.run(delete(result_part).where(result_part.c.job_id == job_id, result_part.c.part.in_(parts)))
    _end_listing(tx, job_id)


def reopen(tx: Tx, job_id: int, ranges: Sequence[SeedRange]) -> None:
    """Units are added to the job: the parts they lie in will have to be written again."""
    for start in range(0, len(ranges), BATCH):
        touched = [
            result_part.c.part.between(units.lo // PART_UNITS, (units.hi - 1) // PART_UNITS)
            for units in ranges[start : start + BATCH]
        ]
        tx.run(delete(result_part).where(result_part.c.job_id == job_id, or_(*touched)))
    _end_listing(tx, job_id)


def parts_of(ranges: Iterable[SeedRange]) -> Iterable[int]:
    """The parts of a job with these sorted, disjoint ranges, in order."""
    done = -1
    for units in ranges:
        first = max(done + 1, units.lo // PART_UNITS)
        done = (units.hi - 1) // PART_UNITS
        yield from range(first, done + 1)


def _end_listing(tx: Tx, job_id: int) -> None:
    """Whoever writes parts just now read the units as they were."""
    writing = task.c.job_id == job_id, task.c.kind == LIST, task.c.state.in_(OPEN_STATES)
    tx.run(update(task).where(*writing).values(state=TaskState.CANCELLED.value, lease_until=None))
