"""Whatever is killed under a rendering farm, every portrait is there once and right, and the record shows the fault."""

import re
import time

import psutil
import pytest

from farm.ledger import Task
from tests.chaos.portraits import Order, check_everything_is_there, order
from tests.chaos.yard import Yard, wait_for
from tests.workers.cascade.tiny import random_cascade
from workers.cascade.cascade import Cascade

SOME = 10
"""So many units are settled before the fault."""


@pytest.fixture(scope="module")
def cascade() -> Cascade:
    return random_cascade(seed=7)


def begun(farm: Yard, *, each: int = 60) -> Order:
    """Two jobs of `each` seeds of which the first has begun."""
    farm.wait_until_ready(*farm.workers)
    placed = order(farm, each=each)
    farm.wait_until_settled(placed.job_ids[0], SOME)
    return placed


def records(farm: Yard, placed: Order) -> list[Task]:
    return [task for job_id in placed.job_ids for task in farm.record(job_id)]


def busy_worker(farm: Yard, placed: Order, *, units: int = 1) -> str:
    """A worker that owns a task of the order now, with at least so many units to do."""

    def found() -> str | None:
        running = (task for task in records(farm, placed) if task.state == "running" and task.hi - task.cursor >= units)
        return next((task.worker for task in running), None)

    return wait_for("a running task", found)


def held_still(farm: Yard, placed: Order, *, units: int) -> tuple[str, psutil.Process]:
    """A worker and its child, which is stopped (SIGSTOP) inside a task with at least so many units to do."""

    def stopped() -> tuple[str, psutil.Process] | None:
        name = busy_worker(farm, placed, units=units)
        child = farm.workers[name].child()
        child.suspend()
        held = [task for task in records(farm, placed) if task.state == "running" and task.worker == name]
        if any(task.hi - task.cursor >= units for task in held):
            return name, child
        child.resume()
        return None

    return wait_for("a worker stopped inside a task", stopped)


def tickets_sent(farm: Yard) -> int:
    """Lines in which a process told that it sent tickets."""
    return sum(len(re.findall(r"queue=render tickets=\d+", worker.says())) for worker in farm.workers.values())


def test_a_killed_child_loses_one_attempt_and_no_portrait(farm: Yard, cascade: Cascade) -> None:
    placed = begun(farm)
    name = busy_worker(farm, placed)
    child = farm.workers[name].child()
    child.kill()
    check_everything_is_there(farm, placed, cascade)
    assert sum(task.losses for task in records(farm, placed)) >= 1
    farm.wait_until_ready(name)
    assert farm.workers[name].child().pid != child.pid


def test_a_killed_worker_is_replaced_by_the_other_one(farm: Yard, cascade: Cascade) -> None:
    placed = begun(farm)
    name = busy_worker(farm, placed)
    farm.workers[name].kill_parent()
    check_everything_is_there(farm, placed, cascade)
    lost = [task for task in records(farm, placed) if task.losses or task.attempt > 1]
    assert lost, farm.report(*placed.job_ids)
    farm.start_worker(name)


def test_a_killed_redis_costs_only_its_tickets(farm: Yard, cascade: Cascade) -> None:
    placed = begun(farm)
    before = tickets_sent(farm)
    farm.redis.kill()
    assert not farm.redis.answers()
    time.sleep(1.0)
    farm.redis.start()
    check_everything_is_there(farm, placed, cascade)
    assert tickets_sent(farm) > before, "no ticket was sent again"


def test_a_wiped_redis_costs_only_its_tickets(farm: Yard, cascade: Cascade) -> None:
    placed = begun(farm)
    waiting = f"{farm.settings.key_prefix}:render"
    with farm.redis.client() as client:
        wait_for("a waiting ticket", lambda: bool(client.llen(waiting)))
        before = tickets_sent(farm)
        client.flushall()
        assert client.llen(waiting) == 0
    check_everything_is_there(farm, placed, cascade)
    assert tickets_sent(farm) > before, "no ticket was sent again"


def test_a_killed_api_takes_no_job_twice(farm: Yard, cascade: Cascade) -> None:
    placed = begun(farm)
    farm.kill_api()
    try:
        check_everything_is_there(farm, placed, cascade)
    finally:
        farm.start_api()
    again = farm.post(
        "/v1/jobs",
        {
            "kind": "render",
            "cascade": "tiny",
            "seeds": f"{placed.seeds[0].start}..{placed.seeds[0].stop - 1}",
            "size_px": 128,
        },
        idem_key=f"order-{placed.seeds[0].start}",
    )
    assert again["id"] == placed.job_ids[0]


def test_sigterm_gives_the_work_back_and_counts_nothing(farm: Yard, cascade: Cascade) -> None:
    placed = begun(farm, each=300)
    name, child = held_still(farm, placed, units=40)
    began_s = time.monotonic()
    farm.workers[name].process.terminate()
    # The child stands still until the ledger says "draining": however fast it works, the word comes mid-task.
    wait_for("the drain", lambda: any(w.name == name and w.draining for w in farm.ledger.workers()))
    child.resume()
    farm.workers[name].process.wait(40)
    assert time.monotonic() - began_s < farm.settings.shutdown_s
    assert "given back" in farm.workers[name].says()
    assert name not in {worker.name for worker in farm.ledger.workers()}
    check_everything_is_there(farm, placed, cascade)
    assert all(task.losses == task.failures == 0 for task in records(farm, placed))
    farm.start_worker(name)
