"""Three machines, one farm: whatever is cut off without a word, nothing is lost and nobody has to start anything."""

import contextlib
import hashlib
import subprocess
import sys
from collections.abc import Iterator

import pytest

from farm.ledger import Task
from farm.planning import recipe_for
from farm.specs import RenderSpec
from tests.chaos.holding import Held, held_mid_work, waiting_units
from tests.chaos.portraits import Order, check_everything_is_there, order
from tests.chaos.yard import wait_for
from tests.hosts.farm import WORKERS, ThreeHosts, asleep
from tests.workers.cascade.tiny import random_cascade
from workers.cascade.cascade import Cascade

LOST = "the lease is lost"
HOLD_THE_TICK = """
import sys, time
from farm.ledger import open_ledger
with open_ledger(sys.argv[1]) as ledger:
    while True:
        with ledger.tick_lock() as mine:
            if mine:
                print("held", flush=True)
                time.sleep(600)
"""
"""A program that was cut off just when it was the one to tick."""


@pytest.fixture(scope="module")
def cascade() -> Cascade:
    return random_cascade(seed=7)


def records(farm: ThreeHosts, placed: Order) -> list[Task]:
    return [task for job_id in placed.job_ids for task in farm.record(job_id)]


def painters(farm: ThreeHosts, placed: Order) -> set[str | None]:
    """Who worked on the order's portraits."""
    return {task.worker for task in records(farm, placed) if task.kind == "render"}


def running(farm: ThreeHosts, placed: Order) -> list[Task]:
    return [task for task in records(farm, placed) if task.state == "running"]


def only_north_is_busy(farm: ThreeHosts, placed: Order) -> bool:
    """What is left is with north, which cannot store it."""
    return {task.worker for task in running(farm, placed)} == {"north"} and not waiting_units(farm)


def taken_over(farm: ThreeHosts, held: Held) -> bool:
    """The task north was cut off in counts a lost lease, and a later attempt is south's."""
    task = next(task for task in records(farm, held.order) if task.id == held.tasks["north"].id)
    return task.losses >= 1 and task.attempt > held.tasks["north"].attempt and task.worker == "south"


def stored(farm: ThreeHosts, placed: Order, cascade: Cascade) -> dict[str, tuple[str, str]]:
    """Row and stored bytes of every portrait: sha256 of both, by recipe."""
    specs = [RenderSpec.model_validate(dict(farm.ledger.get_job(job_id).spec)) for job_id in placed.job_ids]
    recipes = [
        recipe_for(spec, seed, sizes=cascade.sizes_px)
        for spec, seeds in zip(specs, placed.seeds, strict=True)
        for seed in seeds
    ]
    rows = farm.ledger.portraits_by_recipe([recipe.digest for recipe in recipes])
    return {digest: (row.sha256, hashlib.sha256(farm.storage.get(row.key)).hexdigest()) for digest, row in rows.items()}


@contextlib.contextmanager
def holding_the_tick(farm: ThreeHosts) -> Iterator[None]:
    """A program on north that took the tick and never gives it back."""
    command = [*farm.hosts["north"].enter, sys.executable, "-c", HOLD_THE_TICK, farm.settings.ledger_url]
    program = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert program.stdout is not None
        assert program.stdout.readline() == "held\n"
        yield
    finally:
        program.kill()
        program.wait(10)
        if program.stdout is not None:
            program.stdout.close()


def test_two_machines_share_the_work_of_two_people(farm: ThreeHosts, cascade: Cascade) -> None:
    with held_mid_work(farm) as held:
        assert set(held.tasks) == set(WORKERS)
    check_everything_is_there(farm, held.order, cascade)
    assert painters(farm, held.order) == set(WORKERS)
    # No machine has a folder of another: the objects are in S3 alone, the ledger in Postgres alone.
    for name in WORKERS:
        home = farm.settings.home / name
        assert not (home / "objects").exists()
        assert not (home / "ledger.sqlite").exists()


def test_a_machine_cut_off_mid_task_loses_its_lease_and_comes_back_by_itself(
    farm: ThreeHosts, cascade: Cascade
) -> None:
    """Given a machine inside a task, that also holds the tick, When no frame of it gets through any more, Then the
    other machine does its task; When it is back, Then what it still sends changes nothing, and it does new work."""
    with contextlib.ExitStack() as dark:
        with held_mid_work(farm, units=10) as held, holding_the_tick(farm):
            dark.enter_context(farm.hosts["north"].unplugged())
            north = held.children["north"]
            # It stood still: any time it takes now it takes in the dark. Ten portraits are a moment's work.
            used = north.cpu_times()
            held.let_go()
            wait_for("work in the dark", lambda: north.cpu_times() != used)
            wait_for("another attempt", lambda: taken_over(farm, held), timeout_s=120)
            check_everything_is_there(farm, held.order, cascade)
        refused = farm.workers["north"].says().count(LOST)
        before = stored(farm, held.order, cascade)
    wait_for("north to hear of it", lambda: farm.workers["north"].says().count(LOST) > refused, timeout_s=180)
    with asleep(farm, "south"):
        later = order(farm, each=10)
        check_everything_is_there(farm, later, cascade)
        assert painters(farm, later) == {"north"}
    assert stored(farm, held.order, cascade) == before
    assert farm.workers["north"].process.poll() is None


def test_redis_cut_off_from_the_workers_costs_only_time(farm: ThreeHosts, cascade: Cascade) -> None:
    redis = farm.services.addresses["redis"]
    with held_mid_work(farm) as held, contextlib.ExitStack() as cut:
        for host in farm.hosts.values():
            cut.enter_context(host.without(redis))
        held.let_go()
        wait_for("idle workers beside waiting work", lambda: not running(farm, held.order) and waiting_units(farm))
    check_everything_is_there(farm, held.order, cascade)
    assert all(task.losses == task.failures == 0 for task in records(farm, held.order))


def test_s3_cut_off_from_one_worker_costs_only_time(farm: ThreeHosts, cascade: Cascade) -> None:
    s3 = farm.services.addresses["s3"]
    with held_mid_work(farm, units=10) as held, farm.hosts["north"].without(s3):
        held.let_go()
        wait_for("north alone with work", lambda: only_north_is_busy(farm, held.order))
    check_everything_is_there(farm, held.order, cascade)
    assert all(task.losses == task.failures == 0 for task in records(farm, held.order))
