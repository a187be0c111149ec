"""Workers, demand and the tick lock."""

import time
from collections.abc import Callable

import pytest

from farm.ledger import Ledger, Limits
from farm.settings import load_settings
from tests.farm.ledger.acting import Clock, at, claimed, complete, render, single, train, worker


def demand_of(ledger: Ledger) -> dict[str, tuple[int, int]]:
    return {d.queue: (d.claimable, d.free_slots) for d in ledger.demand()}


def test_a_worker_comes_is_seen_drains_and_goes(ledger: Ledger, clock: Clock) -> None:
    assert ledger.worker_seen("ada"), "an unknown worker should claim nothing"
    ledger.register_worker(worker("ada", kinds=["cpu"], slots=2))
    (ada,) = ledger.workers()
    assert (ada.name, ada.kinds, ada.slots, ada.draining) == ("ada", ("cpu",), 2, False)
    assert not ledger.worker_seen("ada")
    clock.advance(40)
    assert ledger.workers(live=True) == []
    ledger.worker_seen("ada")
    assert [w.name for w in ledger.workers(live=True)] == ["ada"]
    assert ledger.drain_worker("ada")
    assert not ledger.drain_worker("ada")
    assert ledger.worker_seen("ada")
    assert ledger.unregister_worker("ada")
    assert not ledger.unregister_worker("ada")
    assert ledger.workers() == []


def test_a_worker_that_starts_again_keeps_its_rates(ledger: Ledger) -> None:
    ledger.register_worker(worker("ada"))
    single(ledger)
    claim = claimed(ledger, "ada")
    ledger.finish(claim.task_id, claim.attempt, at(1, rate=0.25))
    ledger.drain_worker("ada")
    ledger.register_worker(worker("ada", slots=3))
    (ada,) = ledger.workers()
    assert (ada.rates, ada.slots, ada.draining) == ({"assemble": 0.25}, 3, False)


def test_only_the_newest_rates_are_kept(ledger: Ledger) -> None:
    ledger.register_worker(worker("ada"))
    for n in range(20):
        ledger.submit({"cascade": f"{n:064}", "size_px": n}, kind="render", ranges=[(0, 1)])
        claim = claimed(ledger, "ada", ["render"])
        ledger.finish(claim.task_id, claim.attempt, at(1, rate=n + 1.0))
    rates = ledger.workers()[0].rates
    assert sorted(rates.values()) == [float(n) for n in range(5, 21)]


def test_demand_is_nothing_on_an_idle_farm(ledger: Ledger) -> None:
    assert demand_of(ledger) == {"render": (0, 0), "train": (0, 0), "cpu": (0, 0)}


def test_demand_counts_what_could_be_claimed_now(ledger: Ledger, clock: Clock) -> None:
    ledger.register_worker(worker("ada", kinds=["render", "train"]))
    ledger.register_worker(worker("bob", kinds=["cpu"], slots=3))
    job, run = render(ledger, 0, 20), train(ledger, "base")
    single(ledger)
    assert demand_of(ledger) == {"render": (20, 1), "train": (1, 1), "cpu": (1, 3)}
    # Given: the run's one slice runs, so neither is there another nor a slot for it.
    slice_ = claimed(ledger, "ada", ["train"])
    assert demand_of(ledger) == {"render": (20, 0), "train": (0, 0), "cpu": (1, 3)}
    ledger.fail(slice_.task_id, slice_.attempt, at(0), "it raised")
    assert demand_of(ledger)["train"] == (0, 1), "it rests for a moment"
    clock.advance(2)
    assert demand_of(ledger)["train"] == (1, 1)
    ledger.pause(job.id)
    ledger.cancel(run.id)
    assert demand_of(ledger) == {"render": (0, 1), "train": (0, 1), "cpu": (1, 3)}
    clock.advance(40)
    assert demand_of(ledger)["cpu"] == (1, 0), "nobody was seen lately"


def test_demand_of_the_largest_job_does_not_overflow(ledger: Ledger) -> None:
    render(ledger, 1, 2**63)
    render(ledger, 1, 2**63)
    assert demand_of(ledger)["render"][0] >= 1000


def test_demand_counts_a_tail_that_an_idle_worker_would_get(ledger: Ledger) -> None:
    ledger.register_worker(worker("ada"))
    render(ledger, 0, 8)
    claim = claimed(ledger, "ada")
    assert demand_of(ledger)["render"] == (0, 0)
    ledger.register_worker(worker("bob"))
    assert demand_of(ledger)["render"] == (1, 1)
    ledger.beat(claim.task_id, claim.attempt, at(6))
    assert demand_of(ledger)["render"] == (0, 1)
    assert ledger.claim("bob", ["render"]) is None


def test_a_finalise_task_is_demand_of_the_cpu_queue(ledger: Ledger) -> None:
    ledger.register_worker(worker("ada"))
    render(ledger, 0, 4)
    complete(ledger, claimed(ledger, "ada"))
    assert demand_of(ledger) == {"render": (0, 1), "train": (0, 1), "cpu": (1, 1)}


def test_one_ticker_at_a_time(ledger: Ledger, open_one: Callable[..., Ledger]) -> None:
    other = open_one()
    with ledger.tick_lock() as first, other.tick_lock() as second:
        assert (first, second) == (True, False)
    with other.tick_lock() as third:
        assert third


def test_many_tickers_tick_no_more_often_than_one(
    ledger: Ledger, open_one: Callable[..., Ledger], clock: Clock
) -> None:
    others = [open_one() for _ in range(3)]
    ticks = 0
    for _ in range(10):  # ten seconds, in each of which all of them ask, every one as often as it is let
        for one in (ledger, *others):
            with one.tick_lock(every_s=1.8) as mine:
                ticks += mine
        clock.advance(1)
    assert ticks == 5
    with others[0].tick_lock() as mine:
        assert mine, "who must tick now, ticks"


def test_a_tick_that_raises_gives_the_lock_back(ledger: Ledger) -> None:
    try:
        with ledger.tick_lock():
            raise KeyError
    except KeyError:
        pass
    with ledger.tick_lock() as mine:
        assert mine


def test_a_dead_ticker_does_not_keep_the_lock(ledger: Ledger, open_one: Callable[..., Ledger], clock: Clock) -> None:
    dead = open_one()
    dead.tick_lock().__enter__()
    dead.close()
    clock.advance(31)
    with ledger.tick_lock() as mine:
        assert mine


def test_a_ticker_that_stands_still_does_not_keep_the_lock(
    ledger: Ledger, open_one: Callable[..., Ledger], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that is stopped, on a machine that still acknowledges every packet."""
    monkeypatch.setattr("farm.ledger.connection.BUSY_S", 0.2)
    still = open_one()
    holding = still.tick_lock()
    assert holding.__enter__()
    clock.advance(31)
    deadline_s = time.monotonic() + 20
    while not took_the_tick(ledger):
        assert time.monotonic() < deadline_s, "nobody ticks any more"
    holding.__exit__(None, None, None)
    assert took_the_tick(still), "and who stood still goes on"


def took_the_tick(ledger: Ledger) -> bool:
    with ledger.tick_lock() as mine:
        return mine


def test_limits_follow_the_settings() -> None:
    settings = load_settings(
        {"FARM_HOME": "/nowhere", "FARM_LEASE_S": "12", "FARM_BEAT_S": "2", "FARM_TASK_TARGET_S": "5"}
    )
    limits = Limits.of(settings)
    assert (limits.lease_s, limits.beat_s, limits.task_target_s) == (12, 2, 5)
