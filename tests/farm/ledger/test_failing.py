"""Failures and losses: again, halved, down to the guilty unit; nothing is given up lightly."""

from collections.abc import Sequence

import pytest

from farm.ledger import Claim, FailedUnit, JobState, Ledger, Progress, TaskState
from tests.farm.ledger.acting import ALL, Clock, at, claimed, complete, render, single, train, work_off, worker


@pytest.fixture(autouse=True)
def _ada(ledger: Ledger) -> None:
    ledger.register_worker(worker("ada"))


def fail(ledger: Ledger, claim: Claim, cursor: int | None = None, error: str = "it raised") -> None:
    assert ledger.fail(claim.task_id, claim.attempt, at(claim.cursor if cursor is None else cursor), error)


def patiently(ledger: Ledger, clock: Clock, name: str, kinds: Sequence[str] = ALL) -> Claim | None:
    """The next claim, waiting as long as a failed task may be held back."""
    for _ in range(4):
        claim = ledger.claim(name, kinds)
        if claim is not None:
            return claim
        clock.advance(20)
        ledger.worker_seen(name)
    return None


def test_a_failed_task_goes_on_at_its_cursor_after_a_pause(ledger: Ledger, clock: Clock) -> None:
    job = render(ledger, 0, 8)
    fail(ledger, claimed(ledger, "ada"), 3)
    assert ledger.claim("ada", ALL) is None
    clock.advance(2)
    again = claimed(ledger, "ada")
    assert (again.lo, again.cursor, again.hi, again.attempt) == (0, 3, 8, 2)
    (task,) = ledger.tasks_of(job.id)
    assert (task.failures, task.losses, task.error) == (1, 0, "it raised")


def test_a_task_that_failed_twice_is_halved(ledger: Ledger, clock: Clock) -> None:
    job = render(ledger, 0, 8)
    for _ in range(2):
        clock.advance(5)
        fail(ledger, claimed(ledger, "ada"), 2)
    tasks = [(t.lo, t.cursor, t.hi, t.state, t.failures) for t in ledger.tasks_of(job.id)]
    assert tasks == [(0, 2, 5, TaskState.PENDING, 1), (5, 5, 8, TaskState.PENDING, 1)], "the next failure halves again"


def test_a_task_that_was_lost_three_times_is_halved(ledger: Ledger, clock: Clock) -> None:
    job = render(ledger, 0, 8)
    for lost in range(3):
        assert len(ledger.tasks_of(job.id)) == min(1, lost)
        claimed(ledger, "ada")
        clock.advance(31)
        ledger.worker_seen("ada")
        ledger.reap()
    assert [(t.lo, t.hi, t.losses) for t in ledger.tasks_of(job.id)] == [(0, 4, 2), (4, 8, 2)]


def test_halving_goes_down_to_the_guilty_seed_and_everything_else_is_done(ledger: Ledger, clock: Clock) -> None:
    job = render(ledger, 0, 8)
    while (claim := patiently(ledger, clock, "ada")) is not None:
        if claim.kind == "render" and claim.cursor <= 5 < claim.hi:
            fail(ledger, claim)
        else:
            complete(ledger, claim)
    done = ledger.get_job(job.id)
    assert (done.state, done.done, done.failed) == (JobState.DONE, 7, 1)
    (failure,) = ledger.failures_of(job.id)
    assert (failure.unit, failure.error, failure.attempts) == (5, "it raised", 2)


def test_a_unit_that_raises_among_others_is_tried_again_alone_before_it_is_given_up(
    ledger: Ledger, clock: Clock
) -> None:
    job = render(ledger, 0, 8)
    claim = claimed(ledger, "ada")
    # It raised ahead of the cursor, is said once, and stays remembered.
    ledger.beat(claim.task_id, claim.attempt, at(1, 3))
    ledger.beat(claim.task_id, claim.attempt, at(6))
    ledger.finish(claim.task_id, claim.attempt, at(8))
    assert (ledger.get_job(job.id).done, ledger.get_job(job.id).failed) == (7, 0)
    alone = claimed(ledger, "ada")
    assert (alone.lo, alone.hi) == (3, 4)
    complete(ledger, alone, 3)
    assert (ledger.get_job(job.id).done, ledger.get_job(job.id).failed) == (7, 1)
    assert [(f.unit, f.error) for f in ledger.failures_of(job.id)] == [(3, "unit 3 is bad")]
    work_off(ledger, "ada")
    assert ledger.get_job(job.id).state is JobState.DONE


def test_a_unit_that_succeeds_alone_leaves_no_failure(ledger: Ledger) -> None:
    job = render(ledger, 0, 4)
    complete(ledger, claimed(ledger, "ada"), 0, 3)
    work_off(ledger, "ada")
    done = ledger.get_job(job.id)
    # The last unit of a task waits a moment before it is tried again.
    assert (done.done, done.failed) in ((3, 0), (4, 0))
    assert ledger.failures_of(job.id) == []


def test_the_same_failure_said_in_every_beat_counts_once(ledger: Ledger) -> None:
    job = render(ledger, 0, 6)
    claim = claimed(ledger, "ada")
    bad = FailedUnit(unit=2, error="bad")
    for cursor in (1, 3, 4):
        ledger.beat(claim.task_id, claim.attempt, Progress(cursor=cursor, failures=(bad,)))
    ledger.finish(claim.task_id, claim.attempt, Progress(cursor=6, failures=(bad,)))
    assert sorted((t.lo, t.hi, t.state) for t in ledger.tasks_of(job.id)) == [
        (0, 2, TaskState.DONE), (2, 3, TaskState.PENDING), (3, 6, TaskState.DONE),
    ]  # fmt: skip


def test_a_unit_that_failed_behind_settled_ones_was_not_alone_and_is_tried_again(ledger: Ledger, clock: Clock) -> None:
    job = render(ledger, 0, 2)
    for cursor in (0, 1):
        fail(ledger, claimed(ledger, "ada"), cursor)
        clock.advance(5)
    assert ledger.get_job(job.id).failed == 0, (
        "the first failure may have been unit 0's, in the second unit 0 was there"
    )
    fail(ledger, claimed(ledger, "ada"))
    assert (ledger.get_job(job.id).done, ledger.get_job(job.id).failed) == (1, 1)


def test_what_a_task_leaves_is_kept_where_its_last_unit_raises(ledger: Ledger) -> None:
    job, _ = ledger.submit({"dataset": "faces", "photos": 3}, kind="curate", ranges=[(0, 3)])
    complete(ledger, claimed(ledger, "ada"), 1, 2)
    outputs = {(t.lo, t.hi): t.output for t in ledger.tasks_of(job.id)}
    assert outputs == {(0, 1): {"attempt": 1}, (1, 2): None, (2, 3): None}


def test_a_unit_is_given_up_only_after_a_second_worker_tried_it(ledger: Ledger, clock: Clock) -> None:
    ledger.register_worker(worker("bob"))
    job = render(ledger, 7, 8)
    fail(ledger, claimed(ledger, "ada"))
    clock.advance(3)
    assert ledger.claim("ada", ALL) is None, "it is kept for the other worker"
    fail(ledger, claimed(ledger, "bob"))
    assert ledger.get_job(job.id).failed == 1


def test_a_unit_that_failed_twice_on_one_worker_still_waits_for_the_other(ledger: Ledger, clock: Clock) -> None:
    ledger.register_worker(worker("bob"))
    job = render(ledger, 7, 8)
    for _ in range(2):
        fail(ledger, claimed(ledger, "ada"))
        clock.advance(70)
        ledger.worker_seen("ada")
        ledger.worker_seen("bob")
    assert ledger.get_job(job.id).failed == 0
    clock.advance(40)
    ledger.worker_seen("ada")
    # The other one is gone: ada is the only judge left.
    fail(ledger, claimed(ledger, "ada"))
    assert ledger.get_job(job.id).failed == 1


def test_a_second_worker_that_never_comes_does_not_hold_the_job_for_ever(ledger: Ledger, clock: Clock) -> None:
    ledger.register_worker(worker("bob"))
    job = render(ledger, 7, 8)
    tries = 0
    while ledger.get_job(job.id).failed == 0:
        clock.advance(70)
        ledger.worker_seen("ada")
        ledger.worker_seen("bob")
        fail(ledger, claimed(ledger, "ada", ["render"]))
        tries += 1
    assert tries == 6


def test_a_unit_that_kills_its_worker_is_given_up_too(ledger: Ledger, clock: Clock) -> None:
    job = render(ledger, 0, 2)
    for _ in range(40):
        claim = patiently(ledger, clock, "ada")
        if claim is None:
            break
        if claim.kind == "render" and claim.cursor <= 1 < claim.hi:
            clock.advance(31)
            ledger.worker_seen("ada")
            ledger.reap()
        else:
            complete(ledger, claim)
    done = ledger.get_job(job.id)
    assert (done.state, done.done, done.failed) == (JobState.DONE, 1, 1)
    assert "fell silent" in ledger.failures_of(job.id)[0].error


@pytest.mark.parametrize("kind", ["assemble", "import"])
def test_a_job_of_one_unit_that_fails_for_good_fails_with_the_error(ledger: Ledger, clock: Clock, kind: str) -> None:
    job = single(ledger, kind)
    for _ in range(2):
        clock.advance(5)
        fail(ledger, claimed(ledger, "ada"), error="the weights are damaged")
    failed = ledger.get_job(job.id)
    assert (failed.state, failed.error) == (JobState.FAILED, "the weights are damaged")
    assert failed.ended_at is not None
    assert ledger.claim("ada", ALL) is None


def test_a_run_whose_slice_fails_for_good_fails_and_a_retry_goes_on_from_its_checkpoint(
    ledger: Ledger, clock: Clock
) -> None:
    job = train(ledger, "base", total=250, slice_nimg=100)
    complete(ledger, claimed(ledger, "ada"))
    for _ in range(2):
        clock.advance(5)
        fail(ledger, claimed(ledger, "ada"), error="the loss is not finite")
    assert (ledger.get_job(job.id).state, ledger.get_job(job.id).error) == (JobState.FAILED, "the loss is not finite")
    assert ledger.retry(job.id) == 1
    again = claimed(ledger, "ada")
    assert (again.lo, again.hi) == (100, 200)
    complete(ledger, again)
    work_off(ledger, "ada")
    assert (ledger.get_job(job.id).state, ledger.get_job(job.id).error) == (JobState.DONE, None)


def test_a_slice_survives_many_losses_but_not_endlessly_many(ledger: Ledger, clock: Clock) -> None:
    job = train(ledger, "base")
    losses = 0
    while ledger.get_job(job.id).state is not JobState.FAILED:
        claim = patiently(ledger, clock, "ada")
        assert claim is not None and claim.hi == 100, "a slice is never halved"
        clock.advance(31)
        ledger.reap()
        ledger.worker_seen("ada")
        losses += 1
    assert losses == 12


def test_a_finishing_that_fails_for_good_fails_the_job_and_a_retry_finishes_it(ledger: Ledger, clock: Clock) -> None:
    job = render(ledger, 0, 4)
    complete(ledger, claimed(ledger, "ada"))
    for _ in range(2):
        clock.advance(5)
        fail(ledger, claimed(ledger, "ada"), error="no space left")
    failed = ledger.get_job(job.id)
    assert (failed.state, failed.error, failed.done, failed.failed) == (JobState.FAILED, "no space left", 4, 0)
    assert ledger.retry(job.id) == 0
    assert ledger.get_job(job.id).state is JobState.FINISHING
    work_off(ledger, "ada")
    assert ledger.get_job(job.id).state is JobState.DONE


def test_a_retry_tries_what_was_given_up_again(ledger: Ledger, clock: Clock) -> None:
    job = render(ledger, 0, 8)
    for _ in range(3):
        work_off(ledger, "ada", bad=[2, 7])
        clock.advance(5)
    done = ledger.get_job(job.id)
    assert (done.state, done.done, done.failed) == (JobState.DONE, 6, 2)
    assert [f.unit for f in ledger.failures_of(job.id)] == [2, 7]
    assert [f.unit for f in ledger.failures_of(job.id, after_unit=2)] == [7]
    assert ledger.retry(job.id) == 2
    assert (ledger.get_job(job.id).state, ledger.get_job(job.id).failed) == (JobState.QUEUED, 0)
    work_off(ledger, "ada")
    assert (ledger.get_job(job.id).state, ledger.get_job(job.id).done) == (JobState.DONE, 8)


def test_a_worker_that_keeps_failing_what_others_complete_is_put_on_leave_and_forgiven(
    ledger: Ledger, clock: Clock
) -> None:
    ledger.register_worker(worker("bob"))
    for n in range(3):
        render(ledger, n, n + 1)
        fail(ledger, claimed(ledger, "ada", ["render"]))
        clock.advance(2)
        complete(ledger, claimed(ledger, "bob", ["render"]))
    render(ledger, 50, 60)
    assert ledger.claim("ada", ["render"]) is None
    assert [w.name for w in ledger.workers() if (w.leave_until or 0) > ledger.now()] == ["ada"]
    claimed(ledger, "bob", ["render"])
    # When the others are gone, or the leave is over, it is needed again.
    clock.advance(301)
    ledger.worker_seen("ada")
    ledger.worker_seen("bob")
    claimed(ledger, "ada", ["render"])


def test_who_is_on_leave_works_where_nobody_else_does(ledger: Ledger, clock: Clock) -> None:
    ledger.register_worker(worker("bob"))
    for n in range(3):
        render(ledger, n, n + 1)
        fail(ledger, claimed(ledger, "ada", ["render"]))
        clock.advance(2)
        complete(ledger, claimed(ledger, "bob", ["render"]))
    render(ledger, 50, 60)
    assert ledger.claim("ada", ["render"]) is None
    clock.advance(40)
    ledger.worker_seen("ada")
    claimed(ledger, "ada", ["render"])
