"""Why a job waits, from the rows, on both databases; and each reason on its own, from facts alone."""

import dataclasses

import pytest

from farm.ledger import JobState, Ledger
from farm.ledger.accounts import Account, Quota
from farm.ledger.rows import Phases, Terms
from farm.ledger.waits import Facts, Hand, Piece, Wait, explain, told_bytes
from tests.farm.ledger.acting import ALL, Clock, at, claimed, complete, render, single, train, worker
from tests.farm.ledger.test_sharing import job_of, key_of


def first(ledger: Ledger, job_id: int) -> Wait:
    """The most telling reason of a job that waits."""
    return ledger.why([job_id])[job_id][0]


def told(ledger: Ledger, job_id: int) -> tuple[str, str | None]:
    wait = first(ledger, job_id)
    return wait.code, wait.change


def test_no_worker_serves_its_queue(ledger: Ledger) -> None:
    job = train(ledger, "faces")
    ledger.register_worker(worker("ada", kinds=["render"]))
    assert told(ledger, job.id) == ("no_worker", "farm worker --queues train")


def test_a_free_worker_is_about_to_take_it(ledger: Ledger) -> None:
    ledger.register_worker(worker("ada"))
    assert told(ledger, render(ledger, 0, 5).id) == ("starting", None)


def test_every_worker_is_stopping(ledger: Ledger) -> None:
    ledger.register_worker(worker("ada"))
    ledger.drain_worker("ada")
    assert told(ledger, render(ledger, 0, 5).id)[0] == "draining"


def test_a_job_that_is_worked_on_or_has_ended_waits_for_nothing(ledger: Ledger) -> None:
    ledger.register_worker(worker("ada"))
    job = single(ledger)
    claim = claimed(ledger, "ada")
    assert ledger.why([job.id]) == {job.id: ()}
    complete(ledger, claim)
    assert ledger.why([job.id]) == {}


def test_paused_by_a_person(ledger: Ledger) -> None:
    job = render(ledger, 0, 5)
    ledger.pause(job.id)
    assert told(ledger, job.id) == ("paused", f"farm resume {job.id}")


def test_paused_by_its_budget_and_waiting_for_a_larger_one(ledger: Ledger, clock: Clock) -> None:
    ledger.register_worker(worker("ada"))
    job = job_of(ledger, None, terms=Terms(0, 3600.0))
    claim = claimed(ledger, "ada")
    clock.advance(4000)
    ledger.beat(claim.task_id, claim.attempt, at(1))
    ledger.release(claim.task_id, claim.attempt, at(1))
    ledger.worker_seen("ada")
    code, change = told(ledger, job.id)
    assert (code, change) == ("budget", f"farm budget {job.id} 2.22 && farm resume {job.id}")
    ledger.set_budget(job.id, 2.22 * 3600)
    assert told(ledger, job.id) == ("paused", f"farm resume {job.id}")


def test_busy_with_more_urgent_work(ledger: Ledger) -> None:
    ledger.register_worker(worker("ada"))
    urgent = render(ledger, 0, 500, priority=50)
    claimed(ledger, "ada")
    job = render(ledger, 0, 5)
    wait = first(ledger, job.id)
    assert (wait.code, wait.change) == ("busy_priority", f"farm priority {job.id} urgent")
    assert f"job {urgent.id}" in wait.text


def test_busy_with_work_that_a_fair_share_favours(ledger: Ledger, clock: Clock) -> None:
    ledger.register_worker(worker("ada"))
    ann, ben = key_of(ledger, "ann"), key_of(ledger, "ben")
    job_of(ledger, ann)
    claim = claimed(ledger, "ada")
    clock.advance(50)
    ledger.worker_seen("ada")
    ledger.release(claim.task_id, claim.attempt, at(1))
    job_of(ledger, ben)
    mine = next(job.id for job in ledger.list_jobs() if job.owner == "ann")
    assert ledger.get_job(claimed(ledger, "ada").job_id).owner == "ben"
    wait = first(ledger, mine)
    assert (wait.code, wait.change) == ("busy_share", "farm keys share ann 2")
    assert "ben" in wait.text


def test_busy_with_other_work_of_the_same_right(ledger: Ledger) -> None:
    ledger.register_worker(worker("ada"))
    other = render(ledger, 0, 500)
    claimed(ledger, "ada")
    wait = first(ledger, render(ledger, 0, 5).id)
    assert (wait.code, wait.change) == ("busy", "farm worker --queues render")
    assert f"job {other.id}" in wait.text


def test_a_quota_is_used_up(ledger: Ledger) -> None:
    ledger.register_worker(worker("ada"))
    ledger.register_worker(worker("bob"))
    ann = key_of(ledger, "ann")
    job_of(ledger, ann)
    ledger.accounts.set_quota("ann", Quota(running=1))
    claimed(ledger, "ada", ["render"])
    job = job_of(ledger, ann)
    assert told(ledger, job.id) == ("quota_running", "farm keys quota ann --running 2")
    ledger.accounts.set_quota("ann", Quota(per_day=0))
    wait = first(ledger, job.id)
    assert (wait.code, wait.change) == ("quota_day", "farm keys quota ann --per-day 1")
    assert wait.until is not None and 0 < wait.until - ledger.now() <= 86400
    ledger.accounts.set_quota("ann", Quota(size_bytes=0))
    assert told(ledger, job.id)[0] == "quota_bytes"


def test_what_failed_waits_a_moment_and_is_then_kept_for_another_worker(ledger: Ledger, clock: Clock) -> None:
    for name in ("ada", "bob"):
        ledger.register_worker(worker(name))
    job = single(ledger)
    claim = claimed(ledger, "ada")
    ledger.fail(claim.task_id, claim.attempt, at(0), "raised")
    wait = first(ledger, job.id)
    assert wait.code == "not_before" and wait.until is not None
    clock.advance(2)
    render(ledger, 0, 100, priority=1)
    claimed(ledger, "bob", ["render"])
    wait = first(ledger, job.id)
    assert (wait.code, wait.change) == ("kept", "farm worker --queues cpu")
    assert "ada" in wait.text


def test_a_worker_on_leave_is_told_where_the_others_are_busy(ledger: Ledger) -> None:
    rest = Hand(name="ada", queues=("render",), slots=1, leave_until=1200.0)
    (wait,) = explain(facts(hands=(rest, busy(3))))
    assert (wait.code, wait.until) == ("leave", 1200.0)


def test_a_later_phase_waits_for_the_one_before_it(ledger: Ledger) -> None:
    ledger.register_worker(worker("ada"))
    job, _ = ledger.submit({"kind": "select", "size_px": 64}, kind="select", ranges=Phases((6, 1)))
    claim = claimed(ledger, "ada")
    ledger.release(claim.task_id, claim.attempt, at(2))
    codes = {wait.code: wait.text for wait in ledger.why([job.id])[job.id]}
    assert set(codes) == {"starting", "barrier"}
    assert "4 units" in codes["barrier"]


def test_work_that_is_known_to_be_too_large_asks_for_a_larger_device(ledger: Ledger) -> None:
    ledger.register_worker(dataclasses.replace(worker("ada"), memory_bytes=8 * 10**9))
    job = render(ledger, 0, 5)
    claim = claimed(ledger, "ada")
    ledger.machines.outgrow(claim.task_id, claim.attempt, at(0), "out of memory")
    assert ledger.claim("ada", ALL) is None
    wait = first(ledger, job.id)
    assert wait.code == "memory" and "8GB" in wait.text
    ledger.register_worker(dataclasses.replace(worker("bob"), memory_bytes=80 * 10**9))
    assert first(ledger, job.id).code == "starting"


def test_many_jobs_cost_as_many_statements_as_one(ledger: Ledger) -> None:
    ledger.register_worker(worker("ada"))
    jobs = [render(ledger, 0, 5).id for _ in range(10)]
    before = ledger.statements
    ledger.why(jobs[:1])
    one = ledger.statements - before
    assert {wait.code for waits in ledger.why(jobs).values() for wait in waits} == {"starting"}
    assert ledger.statements - before == 2 * one


# Facts alone


def busy(priority: int, *, owner: str = "") -> Hand:
    return Hand(name=f"busy{priority}", queues=("render",), slots=1, work=((99, priority, owner),))


def facts(**values: object) -> Facts:
    plain = {
        "job_id": 7, "kind": "render", "state": JobState.RUNNING, "owner": "", "priority": 0, "device_s": 0.0,
        "budget_s": None, "running": 0, "pieces": (Piece(kind="render", units=5),), "blocked_units": 0, "hands": (),
        "accounts": (account(""),), "now_s": 1000.0,
    }  # fmt: skip
    return Facts(**{**plain, **values})  # type: ignore[arg-type]


def account(name: str, **values: object) -> Account:
    plain = {
        "name": name, "share": 1.0, "quota": Quota(), "running": 0, "portraits_today": 0, "size_bytes": 0,
        "lately_s": 0.0, "day": 1,
    }  # fmt: skip
    return Account(**{**plain, **values})  # type: ignore[arg-type]


def test_every_quota_that_holds_is_told() -> None:
    quota = Quota(running=1, per_day=10, size_bytes=10**9)
    full = account("", quota=quota, running=1, portraits_today=10, size_bytes=2 * 10**9)
    waits = explain(facts(accounts=(full,)))
    assert [wait.code for wait in waits] == ["quota_running", "quota_day", "quota_bytes"]
    assert [wait.change for wait in waits] == [
        "farm keys quota - --running 2", "farm keys quota - --per-day 20", "farm keys quota - --bytes 2GB",
    ]  # fmt: skip
    assert waits[1].until == 2 * 86400


def test_a_job_that_is_finishing_is_held_by_neither_quota_nor_budget() -> None:
    full = account("", quota=Quota(per_day=0))
    finishing = facts(
        state=JobState.FINISHING,
        accounts=(full,),
        budget_s=1.0,
        device_s=2.0,
        pieces=(Piece(kind="finalise", units=1),),
    )
    assert [wait.code for wait in explain(finishing)] == ["no_worker"]
    assert explain(finishing)[0].change == "farm worker --queues cpu"


def test_the_share_of_the_favoured_counts() -> None:
    mine, other = account("me", lately_s=10.0), account("you", lately_s=15.0, share=2.0)
    waiting = facts(owner="me", hands=(busy(0, owner="you"),), accounts=(mine, other))
    assert explain(waiting)[0].code == "busy_share"
    assert explain(dataclasses.replace(waiting, accounts=(mine, account("you", lately_s=15.0))))[0].code == "busy"


@pytest.mark.parametrize("state", [JobState.DONE, JobState.FAILED, JobState.CANCELLED, JobState.DELETED])
def test_an_ended_job_waits_for_nothing(state: JobState) -> None:
    assert explain(facts(state=state)) == ()


@pytest.mark.parametrize(
    ("size", "words"), [(999, "999B"), (10**6, "1MB"), (1_500_000_000, "1.5GB"), (2 * 10**12, "2TB")]
)
def test_sizes_are_told_as_they_are_read(size: int, words: str) -> None:
    assert told_bytes(size) == words
