"""How large claims are: by rate, shrinking towards the end; rates that follow; tails taken from who stands still."""

import pytest

from farm.ledger import Claim, Ledger, Progress
from farm.ledger.sizing import LEAST_OF_TARGET, Pool, units_of_share
from tests.farm.ledger.acting import Clock, at, claimed, render, worker

TARGET_S = 60.0


def units(rate: float | None, *, pool_rate: float, slots: int, left: int, elsewhere: bool = False) -> int:
    pool = Pool(rate=pool_rate, slots=slots, left=left, elsewhere=elsewhere)
    return units_of_share(rate, pool, target_s=TARGET_S, unknown=8)


def test_a_claim_is_a_minute_of_work_and_at_the_end_half_of_ones_part_of_what_is_left() -> None:
    assert units(10, pool_rate=50, slots=2, left=1_000_000) == 600
    assert units(10, pool_rate=50, slots=2, left=2000) == 200
    assert units(40, pool_rate=50, slots=2, left=2000) == 800


def test_no_task_is_planned_shorter_than_a_thirtieth_of_the_target() -> None:
    assert units(10, pool_rate=50, slots=2, left=10) == round(10 * TARGET_S * LEAST_OF_TARGET)
    assert units(0.1, pool_rate=0.5, slots=2, left=3) == 1


def test_beside_other_jobs_tasks_stay_longer_since_nobody_need_wait() -> None:
    assert units(10, pool_rate=50, slots=2, left=10, elsewhere=True) == 100


def test_who_is_alone_takes_all_that_is_left_and_who_is_unknown_a_probe() -> None:
    assert units(10, pool_rate=10, slots=1, left=500) == 500
    assert units(None, pool_rate=50, slots=3, left=1_000_000) == 8
    assert units(None, pool_rate=0, slots=4, left=9) == 3


def test_three_workers_of_rates_1_4_and_40_end_together(ledger: Ledger, clock: Clock) -> None:
    # Given workers whose rates are known, and a job of one hundred seconds for all of them
    rates = {"slow": 1.0, "fair": 4.0, "quick": 40.0}
    job = render(ledger, 0, 4500)
    key = f"render@64px:{'c' * 12}"
    for name, rate in rates.items():
        ledger.register_worker(worker(name, rates={key: rate}))
    # When each does what it claims at its rate, in virtual time
    ends, busy_s, tasks = worked_off(ledger, clock, rates)
    # Then all end within the shortest task and a unit of each other, and hardly a second is lost
    assert ledger.get_job(job.id).done == 4500
    assert max(ends.values()) - min(ends.values()) <= TARGET_S * LEAST_OF_TARGET + 1.0
    used = sum(busy_s[name] * rate for name, rate in rates.items()) / (max(ends.values()) * sum(rates.values()))
    assert used > 0.97, (ends, used)
    assert tasks < 80


def worked_off(ledger: Ledger, clock: Clock, rates: dict[str, float]) -> tuple[dict[str, float], dict[str, float], int]:
    """When each worker did its last unit, how long each was busy, and how many tasks that took.

    Whenever somebody asks, the others have just told how far they are; and who lost a tail ends the sooner for it.
    """
    asks = dict.fromkeys(rates, 0.0)
    holding: dict[str, tuple[Claim, float]] = {}
    ends, busy_s, tasks = dict.fromkeys(rates, 0.0), dict.fromkeys(rates, 0.0), 0
    while asks:
        name = min(asks, key=lambda each: asks[each])
        now_s = clock.ahead_s = asks.pop(name)
        for other, (claim, since_s) in holding.items():
            ledger.worker_seen(other)
            cursor = min(ledger.get_task(claim.task_id).hi, claim.cursor + int((now_s - since_s) * rates[other]))
            ledger.beat(claim.task_id, claim.attempt, at(cursor))
        if name in holding:
            claim, since_s = holding.pop(name)
            ledger.finish(claim.task_id, claim.attempt, at(ledger.get_task(claim.task_id).hi))
            ends[name], busy_s[name] = now_s, busy_s[name] + now_s - since_s
        found = ledger.claim(name, ["render"])
        if found is not None:
            tasks += 1
            holding[name] = (found, now_s)
        for each, (claim, since_s) in holding.items():
            asks[each] = since_s + (ledger.get_task(claim.task_id).hi - claim.cursor) / rates[each]
    return ends, busy_s, tasks


def test_a_worker_that_throttles_is_known_for_it_within_a_task(ledger: Ledger) -> None:
    ledger.register_worker(worker("ada"))
    render(ledger, 0, 1_000_000)
    claim = claimed(ledger, "ada")
    ledger.finish(claim.task_id, claim.attempt, at(claim.hi, rate=40.0))
    claim = claimed(ledger, "ada")
    assert claim.hi - claim.lo == 2400
    for beat in range(1, 21):  # a minute of beats at a tenth of the rate
        ledger.beat(claim.task_id, claim.attempt, Progress(cursor=claim.lo + 12 * beat, rate=4.0, rate_s=3.0))
    ledger.release(claim.task_id, claim.attempt, at(claim.lo + 240))
    after = claimed(ledger, "ada")
    assert 4.0 * TARGET_S <= after.hi - after.cursor <= 1.5 * 9 * TARGET_S
    assert next(iter(ledger.workers()[0].rates.values())) == pytest.approx(4.0, rel=1.3)


def test_one_odd_window_hardly_moves_a_rate(ledger: Ledger) -> None:
    ledger.register_worker(worker("ada"))
    render(ledger, 0, 1_000_000)
    claim = claimed(ledger, "ada")
    ledger.finish(claim.task_id, claim.attempt, at(claim.hi, rate=40.0))
    claim = claimed(ledger, "ada")
    ledger.beat(claim.task_id, claim.attempt, Progress(cursor=claim.lo + 1, rate=400.0, rate_s=0.1))
    assert next(iter(ledger.workers()[0].rates.values())) == pytest.approx(40.0, rel=0.06)


def test_of_an_owner_that_stands_still_nearly_everything_is_taken(ledger: Ledger, clock: Clock) -> None:
    key = f"render@64px:{'c' * 12}"
    for name in ("ada", "bob"):
        ledger.register_worker(worker(name, rates={key: 1.0}))
    render(ledger, 0, 100)
    owner = claimed(ledger, "ada", ["render"])
    clock.advance(25)  # a lease is not over, and nothing was settled
    ledger.worker_seen("bob")
    while (more := ledger.claim("bob", ["render"])) is not None and more.lo >= owner.hi:
        ledger.finish(more.task_id, more.attempt, at(more.hi))
    assert more is not None
    assert more.lo <= owner.lo + 0.1 * (owner.hi - owner.lo), "it keeps what it has in hand"
