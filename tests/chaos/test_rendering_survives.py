"""Whatever is killed under a rendering farm, every portrait is there once and right, and the record shows the fault."""

import time

from farm.ledger import Task
from tests.chaos.holding import held_mid_work, waiting_units
from tests.chaos.portraits import SIZE_PX, Order, check_everything_is_there
from tests.chaos.yard import Yard, wait_for
from workers.cascade.cascade import Cascade


def records(farm: Yard, placed: Order) -> list[Task]:
    return [task for job_id in placed.job_ids for task in farm.record(job_id)]


def task_of(farm: Yard, task: Task) -> Task:
    """The same task as it stands now."""
    return next(now for now in farm.record(task.job_id) if now.id == task.id)


def test_a_killed_child_loses_one_attempt_and_no_portrait(farm: Yard, cascade: Cascade) -> None:
    with held_mid_work(farm) as held:
        farm.workers["north"].child().kill()
    check_everything_is_there(farm, held.order, cascade)
    assert task_of(farm, held.tasks["north"]).losses >= 1, farm.report(*held.order.job_ids)
    farm.wait_until_ready("north")
    assert farm.workers["north"].child().pid != held.children["north"].pid


def test_a_killed_worker_is_replaced_by_the_other_one(farm: Yard, cascade: Cascade) -> None:
    with held_mid_work(farm) as held:
        farm.workers["north"].kill_parent()
        # What a stopped child would do after its parent's death is not the question: the whole worker is gone.
        held.children["north"].kill()
    check_everything_is_there(farm, held.order, cascade)
    assert task_of(farm, held.tasks["north"]).losses >= 1, farm.report(*held.order.job_ids)
    farm.start_worker("north")


def test_a_killed_redis_costs_only_its_tickets(farm: Yard, cascade: Cascade) -> None:
    waiting = f"{farm.settings.key_prefix}:render"
    with held_mid_work(farm) as held:
        farm.redis.kill()
        assert not farm.redis.answers()
        farm.redis.start()
        assert waiting_units(farm), farm.report(*held.order.job_ids)
        with farm.redis.client() as client:
            wait_for("a ticket that was sent again", lambda: bool(client.llen(waiting)))
    check_everything_is_there(farm, held.order, cascade)


def test_a_wiped_redis_costs_only_its_tickets(farm: Yard, cascade: Cascade) -> None:
    waiting = f"{farm.settings.key_prefix}:render"
    with held_mid_work(farm) as held, farm.redis.client() as client:
        wait_for("a waiting ticket", lambda: bool(client.llen(waiting)))
        client.flushall()
        wait_for("a ticket that was sent again", lambda: bool(client.llen(waiting)))
    check_everything_is_there(farm, held.order, cascade)


def test_a_killed_api_takes_no_job_twice(farm: Yard, cascade: Cascade) -> None:
    with held_mid_work(farm) as held:
        farm.kill_api()
    try:
        check_everything_is_there(farm, held.order, cascade)
    finally:
        farm.start_api()
    seeds = held.order.seeds[0]
    body = {"kind": "render", "cascade": "tiny", "seeds": f"{seeds.start}..{seeds.stop - 1}", "size_px": SIZE_PX}
    again = farm.post("/v1/jobs", body, idem_key=f"order-{seeds.start}")
    assert again["id"] == held.order.job_ids[0]


def test_sigterm_gives_the_work_back_and_counts_nothing(farm: Yard, cascade: Cascade) -> None:
    with held_mid_work(farm, each=100, units=12) as held:
        held.let_go("south")
        worker = farm.workers["north"]
        began_s = time.monotonic()
        worker.process.terminate()
        # The child stands still until the ledger says "draining": however fast it works, the word comes mid-task.
        wait_for("the drain", lambda: any(w.name == "north" and w.draining for w in farm.ledger.workers()))
        held.let_go("north")
        worker.process.wait(40)
    assert time.monotonic() - began_s < farm.settings.shutdown_s
    # What the device had already painted is still stored; where that was all of the task, nothing is left to give back.
    assert "given back" in worker.says() or task_of(farm, held.tasks["north"]).state == "done"
    assert "north" not in {other.name for other in farm.ledger.workers()}
    check_everything_is_there(farm, held.order, cascade)
    assert all(task.losses == task.failures == 0 for task in records(farm, held.order))
    farm.start_worker("north")
