"""How many there are of everything, for the metrics: four statements, none of which reads what is over and done but
jobs, of which there are few."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select

from farm.ledger.connection import Tx
from farm.ledger.holding import OPEN_STATES
from farm.ledger.saying import LEASES_LOST, tallies
from farm.ledger.schema import job, task, worker
from farm.ledger.states import TaskState
from farm.specs.kinds import QUEUE_OF


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Jobs by (state, kind); open tasks by (state, queue); live workers by (queue, state): busy, idle, draining or
    resting; leases lost since the ledger began."""

    jobs: Mapping[tuple[str, str], int]
    tasks: Mapping[tuple[str, str], int]
    workers: Mapping[tuple[str, str], int]
    leases_lost: int


def counts(tx: Tx) -> Counts:
    """As it stands now."""
    jobs = {
        (row.state, row.kind): int(row.n)
        for row in tx.run(select(job.c.state, job.c.kind, func.count().label("n")).group_by(job.c.state, job.c.kind))
    }
    tasks: Counter[tuple[str, str]] = Counter()
    in_hand: Counter[str] = Counter()
    query = select(task.c.state, task.c.kind, task.c.worker, func.count().label("n"))
    grouped = query.where(task.c.state.in_(OPEN_STATES)).group_by(task.c.state, task.c.kind, task.c.worker)
    for row in tx.run(grouped):
        tasks[row.state, QUEUE_OF[row.kind]] += int(row.n)
        if row.state == TaskState.RUNNING.value:
            in_hand[row.worker] += int(row.n)
    return Counts(jobs=jobs, tasks=tasks, workers=_workers(tx, in_hand), leases_lost=tallies(tx).get(LEASES_LOST, 0))


def _workers(tx: Tx, in_hand: Counter[str]) -> Counter[tuple[str, str]]:
    """A worker counts once for each queue it serves."""
    away = (func.coalesce(worker.c.leave_until, 0.0) > tx.now).label("away")
    found: Counter[tuple[str, str]] = Counter()
    for row in tx.run(select(worker, away).where(worker.c.seen_at > tx.now - tx.limits.live_s)):
        idle_state = "draining" if row.draining else "resting" if row.away else "idle"
        found.update((queue, "busy" if in_hand[row.name] else idle_state) for queue in row.kinds)
    return found
