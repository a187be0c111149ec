"""Who is to give the rest of a task back before its end, and why: told with the reply to a beat."""

from collections.abc import Sequence

from sqlalchemy import BigInteger, and_, case, func, or_, select, type_coerce

from farm.ledger.accounts import is_full, may_go
from farm.ledger.claiming import CLAIMABLE, CUTTABLE, choice
from farm.ledger.connection import Tx
from farm.ledger.demand import free_slots
from farm.ledger.holding import Held, has_open_tasks, is_cuttable
from farm.ledger.roster import kinds_of, roster, serves
from farm.ledger.schema import job, job_range, task, worker
from farm.ledger.settling import Settled
from farm.ledger.states import JobState, TaskState
from farm.specs.kinds import FINALISE, PAINTING_KINDS, QUEUE_OF, SEQUENTIAL_KINDS, YIELDING_KINDS
from farm.specs.priorities import STEP

SOON_BEATS = 1
"""A task that ends by itself within so many beats is not asked: its worker comes free anyway."""
MANY = 10_000
"""Uncut units beyond this count no further."""


def wanted_back(tx: Tx, held: Held, settled: Settled) -> str:
    """Why the owner should end its micro-batch and give the rest back, in words; empty where it should go on."""
    if not held.counts:
        return ""
    if held.is_spent:
        return "the job has used up its budget"
    if held.has_quota and held.task.kind in PAINTING_KINDS and is_full(tx, held.owner, settled.stored):
        return "the quota of its name is used up"
    if held.is_pressed and held.task.kind in YIELDING_KINDS and _makes_way(tx, held, settled):
        return "more urgent work waits"
    return ""


def _makes_way(tx: Tx, held: Held, settled: Settled) -> bool:
    """True for as many of the least urgent running tasks as there are more urgent units without a free slot.

    Every beat decides for its own task alone, by the rows: who comes before it, and how many were asked already.
    """
    row = held.task
    if row.yield_attempt == row.attempt:
        return True  # asked before, and not done yet
    # Asked and claimed again: it first gets on by a unit.
    if row.yield_attempt is not None and settled.cursor <= row.claimed_from:
        return False
    rate = held.rates.get(row.rate_key, 0.0)
    if rate and (row.hi - settled.cursor) / rate <= SOON_BEATS * tx.limits.beat_s:
        return False
    who = roster(tx, row.worker)
    kinds = kinds_of(who.me.kinds) if who else []
    found = tx.run(choice(tx, who, kinds, at_least=held.priority + STEP)).first() if who else None
    if found is None:
        return False
    queue = QUEUE_OF[FINALISE if found.state == JobState.FINISHING.value else found.kind]
    missing = _units(tx, held.priority + STEP, kinds_of([queue])) - free_slots(tx, [queue])
    asked, before = _others(tx, held, queue)
    return before < missing - asked


def _units(tx: Tx, at_least: int, kinds: Sequence[str]) -> int:
    """Claimable units of at least this priority; a pending task counts as one."""
    urgent = (job.c.rank <= -at_least, job.c.state.in_(CLAIMABLE), may_go(tx))
    waiting = (task.c.state == TaskState.PENDING.value, task.c.not_before <= tx.now, task.c.kind.in_(kinds))
    pending = select(func.count()).select_from(task.join(job, job.c.id == task.c.job_id)).where(*urgent, *waiting)
    left = type_coerce(job_range.c.hi, BigInteger) - type_coerce(job_range.c.next, BigInteger)
    units = case((job.c.kind.in_(SEQUENTIAL_KINDS), 1), (left > MANY, MANY), else_=left)
    free = or_(job.c.kind.not_in(SEQUENTIAL_KINDS), ~has_open_tasks(job.c.id))
    uncut = (
        select(func.coalesce(func.sum(units), 0))
        .select_from(job_range.join(job, job.c.id == job_range.c.job_id))
        .where(*urgent, job.c.state.in_(CUTTABLE), job.c.kind.in_(kinds), is_cuttable(), free)
    )
    return sum(int(tx.run(query).scalar_one()) for query in (pending, uncut))


def _others(tx: Tx, held: Held, queue: str) -> tuple[int, int]:
    """Of the tasks on workers of a queue: how many were asked and still run; how many could be asked before this one,
    being less urgent or begun later."""
    row = held.task
    asked = task.c.yield_attempt == task.c.attempt
    fresh = or_(task.c.yield_attempt.is_(None), and_(~asked, task.c.cursor > task.c.claimed_from))
    sooner = or_(job.c.rank > -held.priority, and_(job.c.rank == -held.priority, task.c.id > row.id))
    counted = (
        func.count(case((asked, 1))).label("asked"),
        func.count(case((and_(fresh, sooner), 1))).label("before"),
    )
    running = (task.c.state == TaskState.RUNNING.value, task.c.kind.in_(YIELDING_KINDS), serves(queue))
    joined = task.join(job, job.c.id == task.c.job_id).join(worker, worker.c.name == task.c.worker)
    found = tx.run(select(*counted).select_from(joined).where(*running)).one()
    return int(found.asked), int(found.before)
