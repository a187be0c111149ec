"""Which task a worker gets, and how large."""

from collections.abc import Callable

import pytest

from farm.ledger import Claim, JobState, Ledger, Limits, TaskState
from tests.farm.ledger.acting import (
    ALL,
    Clock,
    at,
    claimed,
    complete,
    render,
    single,
    slice_of,
    train,
    work_off,
    worker,
)


@pytest.fixture(autouse=True)
def _ada(ledger: Ledger) -> None:
    ledger.register_worker(worker("ada"))


def test_a_claim_is_leased_to_one_worker_and_starts_the_job(ledger: Ledger) -> None:
    job = render(ledger, 0, 5)
    claim = claimed(ledger, "ada")
    assert claim == Claim(
        task_id=claim.task_id, job_id=job.id, kind="render", spec=job.spec, lo=0, hi=5, cursor=0, attempt=1,
        lease_s=30.0,
    )  # fmt: skip
    (task,) = ledger.tasks_of(job.id)
    assert (task.state, task.worker, task.lo, task.hi) == (TaskState.RUNNING, "ada", 0, 5)
    assert task.lease_until == pytest.approx(ledger.now() + 30, abs=5)
    assert ledger.get_job(job.id).state is JobState.RUNNING
    assert ledger.get_job(job.id).started_at is not None
    assert ledger.claim("ada", ALL) is None


def test_the_urgent_job_is_next_then_the_one_with_fewest_running_tasks_then_the_oldest(ledger: Ledger) -> None:
    first, second = render(ledger, 0, 100), render(ledger, 0, 100)
    urgent = render(ledger, 0, 8, priority=1)
    order = [claimed(ledger, "ada").job_id for _ in range(5)]
    assert order == [urgent.id, first.id, second.id, first.id, second.id]


def test_on_a_farm_of_one_worker_a_large_job_and_a_small_one_take_turns(ledger: Ledger) -> None:
    large, small = render(ledger, 0, 1_000_000), render(ledger, 0, 12)
    order = []
    for _ in range(5):
        claim = claimed(ledger, "ada", ["render"])
        order.append(claim.job_id)
        complete(ledger, claim)
    assert order == [large.id, small.id, large.id, small.id, large.id]


def test_a_pending_task_goes_before_new_cuts(ledger: Ledger) -> None:
    render(ledger, 0, 100)
    claim = claimed(ledger, "ada")
    ledger.release(claim.task_id, claim.attempt, at(2))
    again = claimed(ledger, "ada")
    assert (again.task_id, again.attempt, again.cursor, again.hi) == (claim.task_id, 2, 2, 8)


def test_a_worker_gets_only_what_its_queues_serve(ledger: Ledger) -> None:
    job, other = render(ledger, 0, 4), single(ledger)
    assert ledger.claim("ada", ["train"]) is None
    assert claimed(ledger, "ada", ["cpu"]).job_id == other.id
    assert claimed(ledger, "ada", ["train", "render"]).job_id == job.id


def test_who_is_unknown_or_draining_gets_nothing(ledger: Ledger) -> None:
    render(ledger, 0, 4)
    assert ledger.claim("nobody", ALL) is None
    ledger.drain_worker("ada")
    assert ledger.claim("ada", ALL) is None
    ledger.register_worker(worker("ada"))
    claimed(ledger, "ada")


def test_an_unknown_worker_begins_with_eight_units_then_gets_what_it_does_in_a_minute(ledger: Ledger) -> None:
    render(ledger, 0, 10_000)
    first = claimed(ledger, "ada")
    assert first.hi - first.lo == 8
    ledger.finish(first.task_id, first.attempt, at(8, rate=2.5))
    second = claimed(ledger, "ada")
    assert (second.lo, second.hi) == (8, 158)


def test_a_rate_holds_for_one_cascade_and_size_only(ledger: Ledger) -> None:
    spec = {"cascade": "c" * 64, "size_px": 64}
    ledger.submit(spec, kind="render", ranges=[(0, 8)])
    claim = claimed(ledger, "ada")
    ledger.finish(claim.task_id, claim.attempt, at(8, rate=100.0))
    for other in ({**spec, "size_px": 1024}, {**spec, "cascade": "d" * 64}):
        ledger.submit(other, kind="render", ranges=[(0, 1000)], priority=1)
        claim = claimed(ledger, "ada", ["render"])
        assert claim.hi - claim.lo == 8
        ledger.cancel(claim.job_id)


def test_what_is_left_is_shared_among_the_live_workers(ledger: Ledger, clock: Clock) -> None:
    for name in ("bob", "cyd"):
        ledger.register_worker(worker(name))
    ledger.register_worker(worker("trainer", kinds=["train"]))
    render(ledger, 0, 9)
    assert [claimed(ledger, name).hi for name in ("ada", "bob", "cyd")] == [3, 6, 9]
    clock.advance(40)
    ledger.worker_seen("ada")
    render(ledger, 0, 7, priority=9)
    assert claimed(ledger, "ada").hi == 7


def test_a_pending_task_too_large_for_who_asks_is_split(ledger: Ledger) -> None:
    job = render(ledger, 0, 1000)
    slow = claimed(ledger, "ada")
    ledger.finish(slow.task_id, slow.attempt, at(slow.hi, rate=10.0))
    large = claimed(ledger, "ada")
    assert large.hi - large.lo == 600
    ledger.release(large.task_id, large.attempt, at(large.lo))
    ledger.register_worker(worker("bob"))
    small = claimed(ledger, "bob")
    assert (small.task_id, small.hi - small.lo) == (large.task_id, 8)
    pending = ledger.tasks_of(job.id, states=[TaskState.PENDING])
    assert [(task.lo, task.hi) for task in pending] == [(small.hi, large.hi)]


def test_a_training_job_has_one_open_slice_at_a_time(ledger: Ledger) -> None:
    job = train(ledger, "base", total=250, slice_nimg=100)
    ledger.register_worker(worker("bob"))
    first = claimed(ledger, "ada", ["train"])
    assert (first.lo, first.hi) == (0, 100)
    assert ledger.claim("bob", ["train"]) is None
    ledger.finish(first.task_id, first.attempt, at(100), slice_of(first, 100))
    second = claimed(ledger, "bob", ["train"])
    assert (second.lo, second.hi) == (100, 200)
    assert ledger.release(second.task_id, second.attempt, at(130), slice_of(second, 130))
    third = claimed(ledger, "ada", ["train"])
    assert (third.lo, third.cursor, third.hi) == (130, 130, 200)
    complete(ledger, third)
    complete(ledger, claimed(ledger, "ada", ["train"]))
    assert ledger.get_job(job.id).state is JobState.DONE
    assert [(s.start_nimg, s.end_nimg) for s in ledger.slices("base")] == [(0, 100), (100, 130), (130, 200), (200, 250)]
    assert ledger.last_slice("base") == ledger.slices("base")[-1]
    assert ledger.run("base").nimg == 250


def test_an_idle_worker_takes_a_tail_of_the_task_that_needs_longest(ledger: Ledger) -> None:
    for name in ("bob", "cyd"):
        ledger.register_worker(worker(name))
    job = render(ledger, 0, 32)
    slow, quick = claimed(ledger, "ada"), claimed(ledger, "bob")
    ledger.beat(slow.task_id, slow.attempt, at(slow.lo + 1, rate=0.1))
    ledger.beat(quick.task_id, quick.attempt, at(quick.lo + 1, rate=10.0))
    while (more := ledger.claim("bob", ["render"])) is not None and more.hi < 32:
        complete(ledger, more)
    tail = claimed(ledger, "cyd")
    assert (tail.job_id, tail.hi) == (job.id, slow.hi)
    reply = ledger.beat(slow.task_id, slow.attempt, at(slow.lo + 2))
    assert reply.owned and reply.hi == tail.lo
    # The owner was a little further than the ledger knew: what it settled beyond `hi` is not counted twice.
    assert ledger.finish(slow.task_id, slow.attempt, at(slow.hi)).owned
    for claim in (tail, quick, *([more] if more else [])):
        complete(ledger, claim)
    work_off(ledger, "ada")
    assert (ledger.get_job(job.id).state, ledger.get_job(job.id).done) == (JobState.DONE, 32)


def test_a_failure_said_before_its_unit_was_stolen_is_forgotten_by_the_owner_and_left_to_the_thief(
    ledger: Ledger,
) -> None:
    job = render(ledger, 0, 8)
    owner = claimed(ledger, "ada")
    ledger.register_worker(worker("bob"))
    ledger.beat(owner.task_id, owner.attempt, at(owner.lo, owner.hi - 1))
    tail = claimed(ledger, "bob")
    assert tail.hi == owner.hi
    complete(ledger, owner)
    complete(ledger, tail)
    work_off(ledger, "ada")
    assert (ledger.get_job(job.id).done, ledger.get_job(job.id).failed) == (8, 0)


def test_the_owner_keeps_what_it_will_do_within_two_beats(open_one: Callable[..., Ledger]) -> None:
    ledger = open_one(limits=Limits(beat_s=3.0))
    ledger.register_worker(worker("bob"))
    render(ledger, 0, 100)
    owner = claimed(ledger, "ada")
    ledger.finish(owner.task_id, owner.attempt, at(owner.hi, rate=2.0))
    while (claim := ledger.claim("ada", ["render"])) is not None:
        owner = claim
        if owner.hi < 100:
            complete(ledger, owner)
    left = owner.hi - owner.cursor
    assert left < 2 * 6 + 2, "less than twice what two beats do"
    stolen = ledger.claim("bob", ["render"])
    assert stolen is None or owner.hi - (stolen.hi - stolen.lo) - owner.cursor >= 12


def test_nothing_is_stolen_of_tasks_of_two_units_of_paused_jobs_or_from_oneself(ledger: Ledger) -> None:
    ledger.register_worker(worker("bob"))
    small, paused = render(ledger, 0, 2), render(ledger, 0, 30)
    while ledger.claim("ada", ["render"]) is not None:
        pass
    assert {task.state for task in ledger.tasks_of(small.id)} == {TaskState.RUNNING}
    ledger.pause(paused.id)
    assert ledger.claim("ada", ["render"]) is None
    assert ledger.claim("bob", ["render"]) is None


def test_claim_and_finish_of_an_empty_task_cost_at_most_fourteen_statements(ledger: Ledger) -> None:
    render(ledger, 0, 400)
    complete(ledger, claimed(ledger, "ada"))
    before = ledger.statements
    complete(ledger, claimed(ledger, "ada"))
    assert ledger.statements - before <= 14


def test_a_job_that_finds_everything_stored_is_not_cut_into_tiny_tasks(ledger: Ledger) -> None:
    # Given workers that never painted anything of the kind
    ledger.register_worker(worker("ada"))
    ledger.register_worker(worker("bea"))
    render(ledger, 0, 100_000)
    # When all is found stored, so that no rate can be measured
    assert work_off(ledger, "ada", ["render"]) < 150
