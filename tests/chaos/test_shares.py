"""Names share a farm of real processes, and an urgent portrait does not wait behind a bulk job."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from farm.ledger import Ledger, Role
from farm.ledger.rows import Terms
from farm.ledger.states import JobState
from tests.chaos.yard import TOY, Yard, open_yard, wait_for
from tests.services.process import ServiceMissing, skip_or_fail
from tests.services.redis import RedisServer, running_redis

UNIT_S = 0.1
LONG = 100_000


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    try:
        with running_redis() as server:
            yield server
    except ServiceMissing as error:
        skip_or_fail("redis", error)


def opened(redis: RedisServer, folder: Path, *workers: str, **told: object) -> Iterator[Yard]:
    redis.wipe()
    with open_yard(folder / "home", redis=redis, app=TOY, told=told) as yard:
        for name in workers:
            yard.start_worker(name)
        yard.wait_until_ready(*workers)
        yield yard


@pytest.fixture
def quick(redis: RedisServer, tmp_path: Path) -> Iterator[Yard]:
    """Two workers whose tasks last half a second."""
    yield from opened(redis, tmp_path, "north", "south", task_target_s=0.5)


@pytest.fixture
def slow(redis: RedisServer, tmp_path: Path) -> Iterator[Yard]:
    """One worker whose tasks last minutes."""
    yield from opened(redis, tmp_path, "north", task_target_s=300.0)


def toy(ledger: Ledger, units: int, *, key_id: int | None = None, terms: int | Terms = 0) -> int:
    spec = {"kind": "render", "unit_s": UNIT_S}
    return ledger.submit(spec, kind="render", ranges=[(0, units)], key_id=key_id, priority=terms)[0].id


def test_a_name_with_ten_jobs_and_one_with_one_use_the_devices_alike(quick: Yard) -> None:
    ledger = quick.ledger
    many, one = (ledger.create_key(name, Role.ARTIST)[0].id for name in ("many", "one"))
    for _ in range(10):
        toy(ledger, LONG, key_id=many)
    toy(ledger, LONG, key_id=one)

    def used() -> dict[str, float]:
        return {name: sum(day.device_s for day in ledger.accounts.used(name, days=2)) for name in ("many", "one")}

    wait_for("a while of work", lambda: sum(used().values()) > 12.0, timeout_s=240)
    spent = used()
    # By jobs it would be ten to one. A task of each more or less is one part in ten here.
    assert 0.6 < spent["many"] / spent["one"] < 1.7, spent


def test_a_bulk_job_makes_way_for_an_urgent_portrait_and_goes_on(slow: Yard) -> None:
    ledger = slow.ledger
    bulk = toy(ledger, 400, terms=-50)
    # Its second task is as long as the whole rest.
    wait_for("a long task", lambda: any(t.hi - t.lo > 100 for t in ledger.tasks_of(bulk, states=["running"])))
    (long_task,) = ledger.tasks_of(bulk, states=["running"])
    urgent = toy(ledger, 1, terms=100)
    slow.wait_until_ended(urgent)
    given_back = ledger.get_task(long_task.id)
    assert given_back.attempt == 1 or given_back.lo > long_task.lo, "it ended where it was asked to"
    assert ledger.get_job(bulk).state is JobState.RUNNING, "the bulk job had minutes to go"
    wait_for("the bulk job goes on", lambda: ledger.tasks_of(bulk, states=["running"]))
    went_on = ledger.get_task(long_task.id)
    assert (went_on.failures, went_on.losses) == (0, 0)
    assert went_on.lo > long_task.lo
    assert ledger.get_job(bulk).done >= went_on.lo, "what was painted stays"


def test_a_job_stops_soon_after_its_budget(slow: Yard) -> None:
    ledger = slow.ledger
    job = toy(ledger, LONG, terms=Terms(0, 2.0))
    wait_for("the pause", lambda: ledger.get_job(job).state is JobState.PAUSED, timeout_s=60)
    wait_for("the worker's release", lambda: not ledger.tasks_of(job, states=["running"]), timeout_s=60)
    (wait,) = ledger.why([job])[job]
    assert wait.code == "budget"
    # The rest of a task is minutes; a beat, a unit and the work of a busy machine are not.
    assert 2.0 <= ledger.get_job(job).device_s < 20.0
