"""Whose job is next: priority, then fair shares between names, then turns within a name."""

from collections import Counter

import pytest

from farm.ledger import Claim, Job, Ledger, Role
from farm.ledger.rows import Terms
from tests.farm.ledger.acting import ALL, Clock, at, claimed, complete, render, single, train, worker


@pytest.fixture(autouse=True)
def _ada(ledger: Ledger) -> None:
    ledger.register_worker(worker("ada"))


def key_of(ledger: Ledger, name: str) -> int:
    return ledger.create_key(name, Role.ARTIST)[0].id


def job_of(ledger: Ledger, key_id: int | None, *, units: int = 1000, terms: int | Terms = 0) -> Job:
    spec = {"kind": "render", "cascade": "c" * 64, "size_px": 64, "seeds": f"0..{units - 1}"}
    return ledger.submit(spec, kind="render", ranges=[(0, units)], priority=terms, key_id=key_id)[0]


def worked(ledger: Ledger, clock: Clock, seconds: float, *, name: str = "ada") -> Claim:
    """A claim that is finished after so many seconds."""
    claim = claimed(ledger, name, ["render"])
    clock.advance(seconds)
    ledger.worker_seen(name)
    complete(ledger, claim)
    return claim


def seconds_by_owner(ledger: Ledger, clock: Clock, turns: int, seconds: dict[str, float]) -> Counter[str]:
    """Device seconds by name where one worker takes so many turns; a name's tasks last so long."""
    spent: Counter[str] = Counter()
    for _ in range(turns):
        owner = ledger.get_job(claimed_job(ledger)).owner
        spent[owner] += int(seconds[owner])
        finish_last(ledger, clock, seconds[owner])
    return spent


def claimed_job(ledger: Ledger) -> int:
    return claimed(ledger, "ada", ["render"]).job_id


def finish_last(ledger: Ledger, clock: Clock, seconds: float) -> None:
    (running,) = [t for job in ledger.list_jobs() for t in ledger.tasks_of(job.id, states=["running"])]
    clock.advance(seconds)
    ledger.worker_seen("ada")
    assert ledger.finish(running.id, running.attempt, at(running.hi)).owned


def test_a_name_with_one_job_gets_as_much_device_time_as_one_with_ten(ledger: Ledger, clock: Clock) -> None:
    many, one = key_of(ledger, "many"), key_of(ledger, "one")
    for _ in range(10):
        job_of(ledger, many)
    job_of(ledger, one)
    spent = seconds_by_owner(ledger, clock, 20, {"many": 20, "one": 20})
    assert spent == {"many": 200, "one": 200}


def test_who_has_long_tasks_gets_fewer_of_them(ledger: Ledger, clock: Clock) -> None:
    for name in ("long", "short"):
        job_of(ledger, key_of(ledger, name))
    spent = seconds_by_owner(ledger, clock, 24, {"long": 50, "short": 10})
    assert spent["long"] == pytest.approx(spent["short"], abs=60)


def test_a_share_of_three_is_three_times_the_device_time(ledger: Ledger, clock: Clock) -> None:
    for name in ("ann", "ben"):
        job_of(ledger, key_of(ledger, name))
    ledger.accounts.set_share("ann", 3.0)
    spent = seconds_by_owner(ledger, clock, 40, {"ann": 10, "ben": 10})
    assert spent["ann"] / spent["ben"] == pytest.approx(3.0, rel=0.25)


def test_workers_that_ask_at_once_are_spread_over_the_names(ledger: Ledger) -> None:
    for name in ("ann", "ben"):
        job_of(ledger, key_of(ledger, name))
    for name in ("bob", "cyd", "dan"):
        ledger.register_worker(worker(name))
    owners = [ledger.get_job(claimed(ledger, name).job_id).owner for name in ("ada", "bob", "cyd", "dan")]
    assert Counter(owners) == {"ann": 2, "ben": 2}


def test_priority_goes_before_fair_shares(ledger: Ledger, clock: Clock) -> None:
    ann, ben = key_of(ledger, "ann"), key_of(ledger, "ben")
    job_of(ledger, ann)
    worked(ledger, clock, 100)
    job_of(ledger, ben)
    urgent = job_of(ledger, ann, terms=100)
    assert claimed(ledger, "ada").job_id == urgent.id


def test_what_was_used_long_ago_is_forgotten(ledger: Ledger, clock: Clock) -> None:
    ann, ben = key_of(ledger, "ann"), key_of(ledger, "ben")
    job_of(ledger, ann)
    worked(ledger, clock, 100)
    clock.advance(3600)
    ledger.worker_seen("ada")
    assert next(each.lately_s for each in ledger.accounts.all() if each.name == "ann") == pytest.approx(50, rel=0.05)
    job_of(ledger, ben)
    assert ledger.get_job(worked(ledger, clock, 80).job_id).owner == "ben"
    assert ledger.get_job(worked(ledger, clock, 1).job_id).owner == "ann", "50 s of an hour ago are less than 80 s now"


def test_jobs_without_a_key_are_a_name_of_their_own(ledger: Ledger, clock: Clock) -> None:
    job_of(ledger, None)
    job_of(ledger, key_of(ledger, "ann"))
    spent = seconds_by_owner(ledger, clock, 10, {"": 10, "ann": 10})
    assert spent == {"": 50, "ann": 50}


def test_another_queue_goes_first_only_with_work_of_a_higher_level(ledger: Ledger) -> None:
    render(ledger, 0, 1000)
    other = single(ledger)
    assert ledger.claim("ada", ALL, first="cpu").job_id == other.id  # type: ignore[union-attr]
    single(ledger)
    high = render(ledger, 0, 8, priority=49)
    ledger.set_priority(high.id, 50)
    assert ledger.claim("ada", ALL, first="cpu").job_id == high.id  # type: ignore[union-attr]


def test_a_more_urgent_render_goes_between_two_slices_of_a_training(ledger: Ledger) -> None:
    train(ledger, "faces")
    first = claimed(ledger, "ada")
    urgent = render(ledger, 0, 1, priority=50)
    complete(ledger, first)
    assert ledger.claim("ada", ALL, first="train").job_id == urgent.id  # type: ignore[union-attr]
