"""How many units a claim gets.

Aimed at `task_target_s` by the worker's own rate for the class of work, and shrinking towards the end of the job, so
that unequal workers end together: of what is left a worker gets the part that its rate is of the rates of all who could
do it, and of that a half, so that no task lasts beyond half of the time that is left (weighted factoring: S. F. Hummel,
J. Schmidt, R. N. Uma, J. Wein, "Load-sharing in heterogeneous systems via weighted factoring", SPAA 1996).
"""

import math
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Float,
    Row,
    case,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
    type_coerce,
)

from farm.ledger.classes import rate_key
from farm.ledger.connection import Tx
from farm.ledger.fitting import fits
from farm.ledger.holding import OPEN_STATES, has_uncut, is_cuttable
from farm.ledger.roster import Roster, live_and_willing, serves
from farm.ledger.schema import job, job_range, task, worker
from farm.ledger.states import JobState
from farm.specs.kinds import QUEUE_OF, SEQUENTIAL_KINDS

SHARED = 2
"""A worker that is not alone gets its part of what is left, divided by this: rates change, and others may join."""
LEAST_OF_TARGET = 1 / 30
"""No task is planned shorter than this part of the target (2 s of a minute): that is many times what claiming costs,
and no less than a GPU's micro-batch takes."""
LEAST_BESIDE_OTHERS = 1 / 6
"""The same where another job has work for these workers: who comes free takes that, so nobody is to end together."""
UNRATED_PART, MOST_UNRATED = 8, 4096
"""Units of a task of unmeasured work: at most this part of what the job has settled, and so many."""
LOOKED_AT = 64
"""So many ranges, and open tasks, are added up to know what is left; more of them are no end of a job."""


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Who shares a class of work, and how much of it is left: uncut, waiting, or in somebody's hands.

    rate: units a second of all live workers together, those unknown counted as the mean; slots: how many they are.
    """

    rate: float
    slots: int
    left: int
    elsewhere: bool = False
    """Another job has units for the same queue that nobody has claimed."""


def next_size(tx: Tx, of: Row[Any], who: Roster) -> tuple[str, int] | None:
    """The class of the units that are cut next for this worker, and how many of them it gets.

    `of`: the locked job's row. None where nothing can be cut for it.
    """
    old = literal(rate_key(of.kind, of.spec))
    first = select(func.coalesce(job_range.c.rate_key, old)).where(job_range.c.job_id == of.id, is_cuttable())
    first = first.where(fits(tx, who.memory_bytes, job_range.c.rate_key)).order_by(job_range.c.lo).limit(1)
    found = _look(tx, who, job_id=of.id, kind=of.kind, key=select(first.cte("next")).scalar_subquery())
    if found.key is None:
        return None
    if of.kind in SEQUENTIAL_KINDS:
        return found.key, max(1, int(of.spec.get("slice_nimg") or of.total))
    return found.key, max(_size(tx, who, found), _unrated(of, who, found))


def size_of_pending(tx: Tx, row: Row[Any], who: Roster) -> int:
    """How many units of a pending task this worker gets; the rest becomes a task of its own."""
    return _size(tx, who, _look(tx, who, job_id=row.job_id, kind=row.kind, key=literal(row.rate_key)))


def units_of_share(rate: float | None, pool: Pool, *, target_s: float, unknown: int) -> int:
    """The units of one claim. rate: this worker's own, in units a second, or None."""
    if not rate or pool.rate <= 0:
        return max(1, min(unknown, -(-pool.left // max(1, pool.slots))))
    share = pool.left * min(1.0, rate / pool.rate) / (SHARED if pool.slots > 1 else 1)
    least = rate * target_s * (LEAST_BESIDE_OTHERS if pool.elsewhere else LEAST_OF_TARGET)
    return max(1, min(int(rate * target_s), math.ceil(max(share, least))))


def _unrated(of: Row[Any], who: Roster, found: Row[Any]) -> int:
    """Where nobody could measure a rate although units are settled, they were all found stored: tasks grow with what is
    settled, or a job of a million stored portraits would be cut into pieces of `unknown_rate_units`."""
    if who.rate(found.key) or found.known:
        return 0
    return min(MOST_UNRATED, int(of.done) // UNRATED_PART)


def _size(tx: Tx, who: Roster, found: Row[Any]) -> int:
    mine, rate = max(1, int(who.me.slots)), who.rate(found.key)
    known, slots = (mine if rate else 0) + int(found.known), mine + int(found.slots)
    pool = Pool(
        rate=((rate or 0.0) * mine + float(found.rate)) * slots / max(1, known),
        slots=slots,
        left=int(found.uncut) + int(found.open),
        elsewhere=bool(found.elsewhere),
    )
    limits = tx.limits
    return units_of_share(rate, pool, target_s=limits.task_target_s, unknown=limits.unknown_rate_units)


def _look(tx: Tx, who: Roster, *, job_id: int, kind: str, key: Any) -> Row[Any]:
    """The other workers that share a class of work, and what is left of it; the class is an SQL value.

    One statement, whatever the number of workers: the database adds up.
    """
    told = func.coalesce(_rate_told(tx, key), 0.0)
    others = live_and_willing(tx) & serves(QUEUE_OF[kind]) & (worker.c.name != who.me.name)
    sums = select(
        func.coalesce(func.sum(worker.c.slots), 0).label("slots"),
        func.coalesce(func.sum(case((told > 0, worker.c.slots), else_=0)), 0).label("known"),
        func.coalesce(func.sum(told * worker.c.slots), 0.0).label("rate"),
    )
    added = sums.where(others, fits(tx, worker.c.memory_bytes, key)).subquery()
    left = (_uncut(job_id, key).label("uncut"), _open(job_id, key).label("open"))
    return tx.run(select(added, *left, _elsewhere(job_id, kind).label("elsewhere"), key.label("key"))).one()


def _elsewhere(job_id: int, kind: str) -> ColumnElement[bool]:
    """SQL: another job that may go on has units which belong to no task yet, for the same queue."""
    kinds = [each for each, queue in QUEUE_OF.items() if queue == QUEUE_OF[kind]]
    going = job.c.state.in_((JobState.QUEUED.value, JobState.RUNNING.value))
    return exists().where(job.c.id != job_id, going, job.c.kind.in_(kinds), has_uncut(job.c.id))


def _rate_told(tx: Tx, key: Any) -> Any:
    """SQL: a worker's rate for a class of work, read inside the database; NULL where it has none."""
    if tx.connection.dialect.name == "sqlite":
        return func.json_extract(worker.c.rates, literal('$."') + key + literal('"'))
    return cast(worker.c.rates.op("->>")(key), Float)


def _uncut(job_id: int, key: Any) -> ColumnElement[int]:
    """SQL: units of that class which belong to no task yet."""
    left = type_coerce(job_range.c.hi, BigInteger) - type_coerce(job_range.c.next, BigInteger)
    of_class = or_(job_range.c.rate_key == key, job_range.c.rate_key.is_(None))
    some = select(left.label("n")).where(job_range.c.job_id == job_id, job_range.c.next < job_range.c.hi, of_class)
    rows = some.order_by(job_range.c.lo).limit(LOOKED_AT).subquery()
    return select(func.coalesce(func.sum(rows.c.n), 0)).scalar_subquery()


def _open(job_id: int, key: Any) -> ColumnElement[int]:
    """SQL: units of that class in the job's pending and running tasks."""
    left = type_coerce(task.c.hi, BigInteger) - type_coerce(task.c.cursor, BigInteger)
    tasks = (task.c.job_id == job_id, task.c.state.in_(OPEN_STATES), task.c.rate_key == key)
    rows = select(left.label("n")).where(*tasks).limit(LOOKED_AT).subquery()
    return select(func.coalesce(func.sum(rows.c.n), 0)).scalar_subquery()
