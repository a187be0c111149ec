"""Quotas of names and budgets of jobs: what is over them waits, and the counts are those of the rows."""

import pytest
from sqlalchemy import func, select

from farm.errors import Conflict, NotFound
from farm.ledger import JobState, Ledger, PortraitRow
from farm.ledger.accounts import Account, Quota
from farm.ledger.rows import Terms
from farm.ledger.schema import portrait as portrait_table
from tests.farm.ledger.acting import ALL, Clock, at, claimed, complete, portrait, worker
from tests.farm.ledger.conftest import Home
from tests.farm.ledger.test_sharing import job_of, key_of

DAY_S = 86400


@pytest.fixture(autouse=True)
def _ada(ledger: Ledger) -> None:
    ledger.register_worker(worker("ada"))
    ledger.register_worker(worker("bob"))


def account(ledger: Ledger, name: str) -> Account:
    return ledger.accounts.get(name)


def stored(*names: str) -> list[PortraitRow]:
    return [portrait(name) for name in names]


def test_a_name_runs_no_more_tasks_at_once_than_it_may(ledger: Ledger) -> None:
    job_of(ledger, key_of(ledger, "ann"))
    job_of(ledger, key_of(ledger, "ann"))
    ledger.accounts.set_quota("ann", Quota(running=1))
    claim = claimed(ledger, "ada", ["render"])
    assert ledger.claim("bob", ALL) is None, "nor does it steal"
    assert [demand.claimable for demand in ledger.demand()] == [0, 0, 0], "no ticket is sent for it"
    complete(ledger, claim)
    claimed(ledger, "bob", ["render"])
    ledger.accounts.set_quota("ann", Quota())
    claimed(ledger, "ada", ["render"])


def test_portraits_of_a_day_are_counted_once_and_the_next_day_begins_anew(ledger: Ledger, clock: Clock) -> None:
    job = job_of(ledger, key_of(ledger, "ann"))
    ledger.accounts.set_quota("ann", Quota(per_day=3))
    claim = claimed(ledger, "ada", ["render"])
    assert not ledger.beat(claim.task_id, claim.attempt, at(2, portraits=stored("a", "b"))).give_back
    assert account(ledger, "ann").portraits_today == 2
    reply = ledger.beat(claim.task_id, claim.attempt, at(4, portraits=stored("b", "c")))
    assert "quota" in reply.give_back
    assert account(ledger, "ann").portraits_today == 3, "b was there before"
    ledger.release(claim.task_id, claim.attempt, at(4))
    assert ledger.claim("ada", ALL) is None
    assert ledger.get_job(job.id).state is JobState.RUNNING
    clock.advance(DAY_S)
    ledger.worker_seen("ada")
    assert account(ledger, "ann").portraits_today == 0
    assert claimed(ledger, "ada", ["render"]).cursor == 4


def test_bytes_count_until_their_portraits_are_collected(ledger: Ledger) -> None:
    job = job_of(ledger, key_of(ledger, "ann"))
    ledger.accounts.set_quota("ann", Quota(size_bytes=25))
    claim = claimed(ledger, "ada", ["render"])
    rows = [
        PortraitRow(**{**vars(row), "series": "s", "latent_seed": 1, "noise_seed": 1}) for row in stored("a", "b", "c")
    ]
    assert ledger.beat(claim.task_id, claim.attempt, at(3, portraits=rows)).give_back
    ledger.release(claim.task_id, claim.attempt, at(3))
    assert account(ledger, "ann").size_bytes == 30
    assert ledger.claim("ada", ALL) is None
    ledger.retention.begin()
    ledger.retention.mark(after="", grace_s=0.0)
    assert account(ledger, "ann").size_bytes == 0
    assert claimed(ledger, "ada", ["render"]).job_id == job.id


def test_only_painting_is_held_back_by_a_quota_of_portraits(ledger: Ledger) -> None:
    ann = key_of(ledger, "ann")
    ledger.accounts.set_quota("ann", Quota(per_day=0))
    job_of(ledger, ann)
    ledger.submit({"cascade": "faces"}, kind="assemble", ranges=[(0, 1)], key_id=ann)
    assert claimed(ledger, "ada").kind == "assemble"
    assert ledger.claim("bob", ALL) is None


def test_what_a_name_used_is_told_day_by_day(ledger: Ledger, clock: Clock) -> None:
    job_of(ledger, key_of(ledger, "ann"))
    for name in ("a", "b"):
        claim = claimed(ledger, "ada", ["render"])
        clock.advance(5)
        ledger.finish(claim.task_id, claim.attempt, at(claim.hi, portraits=stored(name)))
        clock.advance(DAY_S)
        ledger.worker_seen("ada")
    days = ledger.accounts.used("ann", days=7)
    assert [day.portraits for day in days] == [1, 1]
    assert [day.device_s for day in days] == [pytest.approx(5, abs=2)] * 2
    assert days[0].day == days[1].day + 1
    assert sum(day.size_bytes for day in days) == account(ledger, "ann").size_bytes == 20


def test_counts_are_those_of_the_rows(ledger: Ledger, home: Home) -> None:
    for name in ("ann", "ben"):
        job_of(ledger, key_of(ledger, name), units=40)
    claims = [claimed(ledger, name, ["render"]) for name in ("ada", "bob")]
    for turn in range(3):
        for claim in claims:  # both say that they stored the same portraits
            ledger.beat(claim.task_id, claim.attempt, at(turn + 1, portraits=stored(f"{turn}", f"{turn}x")))
    rows = home.database.read(lambda tx: tx.run(select(func.count()).select_from(portrait_table)).scalar_one())
    assert rows == 6 == sum(account(ledger, name).portraits_today for name in ("ann", "ben"))


def test_a_name_nobody_has_is_refused_and_the_one_without_keys_is_known(ledger: Ledger) -> None:
    with pytest.raises(NotFound, match="'anne'"):
        ledger.accounts.set_share("anne", 2)
    ledger.accounts.set_quota("", Quota(running=0))
    job_of(ledger, None)
    assert ledger.claim("ada", ALL) is None


def test_a_job_that_has_used_up_its_budget_pauses_itself_and_its_tasks_come_back(ledger: Ledger, clock: Clock) -> None:
    job = job_of(ledger, None, terms=Terms(0, 10.0))
    claims = [claimed(ledger, name, ["render"]) for name in ("ada", "bob")]
    clock.advance(4)
    assert not any(ledger.beat(c.task_id, c.attempt, at(c.cursor + 1)).give_back for c in claims)
    assert ledger.get_job(job.id).device_s == pytest.approx(8, abs=1)
    clock.advance(4)
    replies = [ledger.beat(c.task_id, c.attempt, at(c.cursor + 2)) for c in claims]
    assert all("budget" in reply.give_back for reply in replies)
    assert ledger.get_job(job.id).state is JobState.PAUSED
    for claim in claims:
        ledger.release(claim.task_id, claim.attempt, at(claim.cursor + 2))
    with pytest.raises(Conflict, match="farm budget"):
        ledger.resume(job.id)
    ledger.set_budget(job.id, 100.0)
    assert ledger.resume(job.id)
    assert claimed(ledger, "ada", ["render"]).job_id == job.id


def test_lost_attempts_cost_as_far_as_they_reported(ledger: Ledger, clock: Clock) -> None:
    job = job_of(ledger, None)
    claim = claimed(ledger, "ada", ["render"])
    clock.advance(7)
    ledger.beat(claim.task_id, claim.attempt, at(1))
    clock.advance(100)
    assert ledger.reap()
    assert ledger.get_job(job.id).device_s == pytest.approx(7, abs=1)
    ledger.worker_seen("ada")
    again = claimed(ledger, "ada", ["render"])
    clock.advance(3)
    ledger.fail(again.task_id, again.attempt, at(again.cursor), "raised")
    assert ledger.get_job(job.id).device_s == pytest.approx(10, abs=1)


def test_a_job_retried_beyond_its_budget_waits_for_a_larger_one(ledger: Ledger, clock: Clock) -> None:
    job = job_of(ledger, None, terms=Terms(0, 5.0))
    claim = claimed(ledger, "ada", ["render"])
    clock.advance(6)
    ledger.beat(claim.task_id, claim.attempt, at(1))
    ledger.release(claim.task_id, claim.attempt, at(1))
    ledger.cancel(job.id)
    ledger.retry(job.id)
    assert ledger.claim("ada", ALL) is None
    assert ledger.set_budget(job.id, None)
    assert claimed(ledger, "ada", ["render"]).job_id == job.id


def test_a_budget_of_an_ended_job_is_refused(ledger: Ledger) -> None:
    job = job_of(ledger, None)
    ledger.cancel(job.id)
    with pytest.raises(Conflict, match="cancelled"):
        ledger.set_budget(job.id, 5.0)
