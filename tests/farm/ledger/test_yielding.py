"""Running work makes way for more urgent work: as many tasks as are needed, and no task twice for nothing."""

import pytest

from farm.ledger import BeatReply, Claim, Ledger, TaskState
from tests.farm.ledger.acting import Clock, at, claimed, complete, render, train, worker

NAMES = ("ada", "bob", "cyd")


@pytest.fixture(autouse=True)
def _workers(ledger: Ledger) -> None:
    for name in NAMES:
        ledger.register_worker(worker(name))


def busy(ledger: Ledger, *, priority: int = 0, units: int = 1000) -> dict[str, Claim]:
    """Every worker renders, and each has settled a unit."""
    render(ledger, 0, units, priority=priority)
    claims = {name: claimed(ledger, name) for name in NAMES}
    for claim in claims.values():
        ledger.beat(claim.task_id, claim.attempt, at(claim.cursor + 1))
    return claims


def beat(ledger: Ledger, claim: Claim, cursor: int | None = None) -> BeatReply:
    return ledger.beat(claim.task_id, claim.attempt, at(claim.cursor + 1 if cursor is None else cursor))


def asked(ledger: Ledger, claims: dict[str, Claim]) -> list[str]:
    return [name for name, claim in claims.items() if beat(ledger, claim).give_back]


def test_one_task_makes_way_for_one_urgent_portrait(ledger: Ledger) -> None:
    claims = busy(ledger)
    assert asked(ledger, claims) == []
    urgent = render(ledger, 0, 1, priority=100)
    (name,) = asked(ledger, claims)
    assert asked(ledger, claims) == [name], "it is reminded, and nobody else is asked"
    claim = claims[name]
    assert ledger.release(claim.task_id, claim.attempt, at(claim.cursor + 2))
    assert asked(ledger, {n: c for n, c in claims.items() if n != name}) == [], "a slot is free"
    assert claimed(ledger, name).job_id == urgent.id
    assert asked(ledger, {n: c for n, c in claims.items() if n != name}) == []
    task = ledger.get_task(claim.task_id)
    assert (task.state, task.failures, task.losses, task.lo) == (TaskState.PENDING, 0, 0, claim.cursor + 2)


def test_as_many_make_way_as_there_are_urgent_units(ledger: Ledger) -> None:
    claims = busy(ledger)
    render(ledger, 0, 2, priority=100)
    assert len(asked(ledger, claims)) == 2
    render(ledger, 0, 5, priority=100)
    assert len(asked(ledger, claims)) == 3


def test_the_least_urgent_and_then_the_youngest_goes(ledger: Ledger) -> None:
    render(ledger, 0, 8, priority=-50)
    bulk = claimed(ledger, "ada")
    render(ledger, 0, 1000)
    claims = {"ada": bulk, "bob": claimed(ledger, "bob"), "cyd": claimed(ledger, "cyd")}
    for claim in claims.values():
        beat(ledger, claim)
    render(ledger, 0, 1, priority=100)
    assert asked(ledger, claims) == ["ada"]
    render(ledger, 0, 1, priority=100)
    assert asked(ledger, claims) == ["ada", "cyd"]


@pytest.mark.parametrize("priority", [0, 49])
def test_less_than_a_level_is_no_reason(ledger: Ledger, priority: int) -> None:
    claims = busy(ledger)
    render(ledger, 0, 3, priority=priority)
    assert asked(ledger, claims) == []


def test_nobody_is_asked_where_a_worker_is_free(ledger: Ledger) -> None:
    claims = busy(ledger)
    ledger.register_worker(worker("dan"))
    render(ledger, 0, 1, priority=100)
    assert asked(ledger, claims) == []


def test_a_slice_of_training_is_never_asked(ledger: Ledger) -> None:
    train(ledger, "faces")
    claim = claimed(ledger, "ada")
    for name in ("bob", "cyd"):
        ledger.unregister_worker(name)
    render(ledger, 0, 1, priority=100)
    assert not ledger.beat(claim.task_id, claim.attempt, at(claim.cursor)).give_back


def test_a_task_that_ends_by_itself_is_left_alone(ledger: Ledger) -> None:
    render(ledger, 0, 8)
    first = claimed(ledger, "ada")
    ledger.finish(first.task_id, first.attempt, at(first.hi, rate=1.0))
    claims = busy(ledger)
    mine = claims["ada"]
    render(ledger, 0, 3, priority=100)
    assert not beat(ledger, mine, mine.hi - 3).give_back, "three units at one a second are over within a beat"


def test_who_made_way_is_asked_again_only_after_it_got_on(ledger: Ledger) -> None:
    for name in ("bob", "cyd"):
        ledger.unregister_worker(name)
    render(ledger, 0, 1000)
    claim = claimed(ledger, "ada")
    render(ledger, 0, 1, priority=100)
    assert beat(ledger, claim).give_back
    ledger.release(claim.task_id, claim.attempt, at(claim.cursor + 1))
    complete(ledger, claimed(ledger, "ada"))
    complete(ledger, claimed(ledger, "ada", ["cpu"]))
    again = claimed(ledger, "ada")
    assert (again.task_id, again.attempt) == (claim.task_id, 2)
    render(ledger, 0, 1, priority=100)
    assert not beat(ledger, again, again.cursor).give_back
    assert beat(ledger, again, again.cursor + 1).give_back


def test_urgent_work_that_nobody_may_take_makes_nobody_yield(ledger: Ledger, clock: Clock) -> None:
    claims = busy(ledger)
    urgent = render(ledger, 0, 1, priority=100)
    ledger.pause(urgent.id)
    assert asked(ledger, claims) == []
    ledger.resume(urgent.id)
    ledger.set_budget(urgent.id, 3600.0)
    assert len(asked(ledger, claims)) == 1


def test_only_workers_that_could_do_it_are_asked(ledger: Ledger) -> None:
    claims = busy(ledger)
    for name in ("bob", "cyd"):
        ledger.register_worker(worker(name, kinds=["render"]))
    ledger.submit({"cascade": "faces"}, kind="assemble", ranges=[(0, 1)], priority=100)
    assert asked(ledger, claims) == ["ada"]
