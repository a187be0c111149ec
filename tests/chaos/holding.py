"""Holding a farm still in the middle of its work, so that a fault comes there whatever the speed of the machine.

The children that work are stopped (SIGSTOP), the ledger says what they hold and what waits beside it, and only then
does the fault strike. They go on when it has.
"""

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import psutil
import psycopg
from sqlalchemy.engine import make_url

from farm.ledger import Task
from farm.ledger.states import TERMINAL_JOB_STATES
from farm.specs.kinds import PORTRAIT_KINDS
from tests.chaos.portraits import Order, order
from tests.chaos.yard import Yard

SETTLED = 10
"""So many units are settled before a fault."""
DOUBLINGS = 7
QUIET_S = 0.5


@dataclass(frozen=True)
class Held:
    """An order of which every worker holds a task and does nothing, with more work waiting."""

    order: Order
    children: Mapping[str, psutil.Process]
    tasks: Mapping[str, Task]

    def let_go(self, *names: str) -> None:
        """Let these workers, or all, go on. A process that the fault has ended is left alone."""
        for name in names or self.children:
            with contextlib.suppress(psutil.NoSuchProcess):
                self.children[name].resume()


@contextlib.contextmanager
def held_mid_work(
    yard: Yard, *, each: int = 60, units: int = 1, place: Callable[[Yard, int], Order] = order
) -> Iterator[Held]:
    """Places an order, by default of two jobs, and stops every worker inside a task of it with at least `units` to do.

    Some of the order is settled by then, and some is not even claimed. Where the farm is too fast for that, the order
    is done and the next one is twice as large. Everybody goes on at the end.
    """
    yard.wait_until_ready(*yard.workers)
    for doubling in range(DOUBLINGS):
        placed = place(yard, each << doubling)
        held = _stopped_inside(yard, placed, units)
        if held is not None:
            try:
                yield held
            finally:
                held.let_go()
            return
        yard.wait_until_ended(*placed.job_ids)
    raise AssertionError(f"an order of {each << DOUBLINGS} portraits was over before anybody could look")


def _stopped_inside(yard: Yard, placed: Order, units: int) -> Held | None:
    children = {name: worker.child() for name, worker in yard.workers.items()}
    while any(yard.ledger.get_job(job_id).state not in TERMINAL_JOB_STATES for job_id in placed.job_ids):
        if set(_running(yard, placed)) < set(children):
            time.sleep(0.02)
            continue
        began_s = time.monotonic()
        for child in children.values():
            child.suspend()
        held = Held(placed, children, _running(yard, placed))
        if _is_mid_work(yard, held, units):
            return held
        held.let_go()
        # As long as they stood still: on a busy machine the looking takes its time, and no lease may run out of it.
        time.sleep(max(0.02, time.monotonic() - began_s))
    return None


def _running(yard: Yard, placed: Order) -> dict[str, Task]:
    tasks = (task for job_id in placed.job_ids for task in yard.record(job_id))
    return {task.worker: task for task in tasks if task.state == "running" and task.worker}


def _is_mid_work(yard: Yard, held: Held, units: int) -> bool:
    if not no_transaction_is_open(yard.settings.ledger_url):
        return False
    tasks = [held.tasks.get(name) for name in held.children]
    return (
        all(task is not None and task.kind in PORTRAIT_KINDS and task.hi - task.cursor >= units for task in tasks)
        and sum(yard.ledger.get_job(job_id).done for job_id in held.order.job_ids) >= SETTLED
        and waiting_units(yard) > 0
    )


def waiting_units(yard: Yard) -> int:
    """How much render work nobody has claimed: uncut units and pending tasks."""
    return next(demand.claimable for demand in yard.ledger.demand() if demand.queue == "render")


def no_transaction_is_open(ledger_url: str) -> bool:
    """False where a stopped process holds a lock: the whole farm would wait for it, which is another fault."""
    quiet = _sqlite_is_free if ledger_url.startswith("sqlite") else _postgres_is_free
    deadline_s = time.monotonic() + QUIET_S
    while time.monotonic() < deadline_s:
        if quiet(ledger_url):
            return True
        time.sleep(0.01)
    return False


def _sqlite_is_free(ledger_url: str) -> bool:
    with contextlib.closing(sqlite3.connect(str(make_url(ledger_url).database), timeout=0.05)) as connection:
        connection.isolation_level = None
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        connection.execute("ROLLBACK")
    return True


def _postgres_is_free(ledger_url: str) -> bool:
    # Who has a transaction id has written, or locked a row. Readers, and who ticks, hold up nobody.
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND backend_xid IS NOT NULL"
    )
    with psycopg.connect(ledger_url.replace("+psycopg", ""), autocommit=True) as connection:
        row = connection.execute(query).fetchone()
    return row == (0,)
