"""Pause, resume, cancel, retry, priority."""

from collections.abc import Callable

import pytest

from farm.errors import Conflict, NotFound
from farm.ledger import JobState, Ledger, TaskState
from tests.farm.ledger.acting import ALL, Clock, at, claimed, complete, render, single, work_off, worker


@pytest.fixture(autouse=True)
def _ada(ledger: Ledger) -> None:
    ledger.register_worker(worker("ada"))


def test_a_paused_job_gives_nothing_out_and_its_running_task_ends(ledger: Ledger) -> None:
    job = render(ledger, 0, 20)
    claim = claimed(ledger, "ada")
    assert ledger.pause(job.id)
    assert not ledger.pause(job.id)
    assert ledger.claim("ada", ALL) is None
    assert ledger.beat(claim.task_id, claim.attempt, at(3)).job_state is JobState.PAUSED
    complete(ledger, claim)
    assert (ledger.get_job(job.id).state, ledger.get_job(job.id).done) == (JobState.PAUSED, 8)
    assert ledger.resume(job.id)
    assert not ledger.resume(job.id)
    work_off(ledger, "ada")
    assert ledger.get_job(job.id).state is JobState.DONE


def test_a_job_paused_before_its_first_claim_is_queued_again(ledger: Ledger) -> None:
    job = render(ledger, 0, 20)
    ledger.pause(job.id)
    ledger.resume(job.id)
    assert ledger.get_job(job.id).state is JobState.QUEUED


def test_a_paused_job_whose_last_task_ends_goes_on_to_its_finishing(ledger: Ledger) -> None:
    job = render(ledger, 0, 4)
    claim = claimed(ledger, "ada")
    ledger.pause(job.id)
    complete(ledger, claim)
    assert ledger.get_job(job.id).state is JobState.FINISHING
    with pytest.raises(Conflict):
        ledger.pause(job.id)
    work_off(ledger, "ada")
    assert ledger.get_job(job.id).state is JobState.DONE


def test_a_cancelled_job_ends_its_waiting_tasks_now_and_its_running_ones_when_they_report(
    ledger: Ledger, clock: Clock
) -> None:
    job = render(ledger, 0, 40)
    released, finished, failed, lost = (claimed(ledger, "ada") for _ in range(4))
    waiting = claimed(ledger, "ada")
    ledger.release(waiting.task_id, waiting.attempt, at(waiting.lo))
    assert ledger.cancel(job.id)
    assert not ledger.cancel(job.id)
    assert ledger.claim("ada", ALL) is None
    assert ledger.release(released.task_id, released.attempt, at(released.lo + 3))
    complete(ledger, finished)
    assert ledger.fail(failed.task_id, failed.attempt, at(failed.lo + 1), "it raised")
    clock.advance(31)
    ledger.reap()
    states = {(t.lo, t.hi): t.state for t in ledger.tasks_of(job.id)}
    assert states == {
        (0, 3): TaskState.DONE,
        (3, 8): TaskState.CANCELLED,
        (8, 16): TaskState.DONE,
        (16, 24): TaskState.CANCELLED,
        (24, 32): TaskState.CANCELLED,
        (32, 40): TaskState.CANCELLED,
    }
    assert lost.lo == 24
    assert (ledger.get_job(job.id).state, ledger.get_job(job.id).done) == (JobState.CANCELLED, 12)


def test_a_cancelled_job_goes_on_after_a_retry(ledger: Ledger) -> None:
    job = render(ledger, 0, 20)
    claim = claimed(ledger, "ada")
    ledger.cancel(job.id)
    ledger.release(claim.task_id, claim.attempt, at(3))
    assert ledger.retry(job.id) == 0
    assert ledger.get_job(job.id).state is JobState.QUEUED
    work_off(ledger, "ada")
    assert (ledger.get_job(job.id).state, ledger.get_job(job.id).done) == (JobState.DONE, 20)


def test_a_job_cancelled_while_finishing_finishes_after_a_retry(ledger: Ledger) -> None:
    job = render(ledger, 0, 4)
    complete(ledger, claimed(ledger, "ada"))
    finalise = claimed(ledger, "ada")
    ledger.cancel(job.id)
    ledger.retry(job.id)
    # The finalise task of before still runs; only when it has ended, a new one may begin.
    assert ledger.claim("ada", ALL) is None
    complete(ledger, finalise)
    assert ledger.get_job(job.id).state is JobState.FINISHING
    work_off(ledger, "ada")
    assert ledger.get_job(job.id).state is JobState.DONE


@pytest.mark.parametrize("verb", ["pause", "resume", "cancel", "retry"])
def test_a_job_that_is_not_there_cannot_be_steered(ledger: Ledger, verb: str) -> None:
    with pytest.raises(NotFound):
        getattr(ledger, verb)(99)


@pytest.mark.parametrize("verb", ["pause", "resume", "cancel"])
def test_a_done_job_cannot_be_steered(ledger: Ledger, verb: str) -> None:
    job = single(ledger)
    work_off(ledger, "ada")
    with pytest.raises(Conflict):
        getattr(ledger, verb)(job.id)
    assert ledger.retry(job.id) == 0
    assert ledger.get_job(job.id).state is JobState.DONE


def test_a_finishing_job_is_not_retried(ledger: Ledger) -> None:
    job = render(ledger, 0, 4)
    complete(ledger, claimed(ledger, "ada"))
    with pytest.raises(Conflict):
        ledger.retry(job.id)


def test_a_running_job_takes_another_priority(ledger: Ledger) -> None:
    first, second = render(ledger, 0, 20), render(ledger, 0, 20)
    assert ledger.set_priority(second.id, 5)
    assert not ledger.set_priority(second.id, 5)
    assert claimed(ledger, "ada").job_id == second.id
    assert first.priority == 0


def test_the_failpoint_is_called_with_a_name_after_every_commit(open_one: Callable[..., Ledger]) -> None:
    names: list[str] = []
    ledger = open_one(failpoint=names.append)
    job = render(ledger, 0, 4)
    ledger.pause(job.id)
    ledger.get_job(job.id)
    assert names == ["submit", "pause"]
