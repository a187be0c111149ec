"""A training that is ended early is done with what it has."""

from collections.abc import Iterator

import pytest

from farm.errors import Conflict, NotFound
from farm.ledger import JobState, Ledger
from tests.farm.ledger.acting import ALL, at, claimed, complete, render, slice_of, train, worker
from tests.farm.ledger.invariants import Watcher


@pytest.fixture(autouse=True)
def _ada(ledger: Ledger) -> None:
    ledger.register_worker(worker("ada"))


@pytest.fixture
def watcher(ledger_url: str, ledger: Ledger) -> Iterator[Watcher]:
    watcher = Watcher(ledger_url)
    yield watcher
    watcher.close()


def test_a_run_between_two_slices_is_done_at_the_first(ledger: Ledger, watcher: Watcher) -> None:
    job = train(ledger, "faces")
    claim = claimed(ledger, "ada")
    ledger.finish(claim.task_id, claim.attempt, at(100), slice_of(claim, 100))

    assert ledger.end_early(job.id)

    ended = ledger.get_job(job.id)
    assert (ended.state, ended.done, ended.total) == (JobState.DONE, 100, 100)
    assert ledger.claim("ada", ALL) is None
    assert not ledger.end_early(job.id)
    watcher.check()


def test_what_a_paused_slice_left_counts_and_what_it_said_stays(ledger: Ledger, watcher: Watcher) -> None:
    job = train(ledger, "faces")
    claim = claimed(ledger, "ada")
    ledger.pause(job.id)
    with pytest.raises(Conflict, match="a worker is at a slice"):
        ledger.end_early(job.id)
    ledger.release(claim.task_id, claim.attempt, at(60), slice_of(claim, 60))

    assert ledger.end_early(job.id)

    assert (ledger.get_job(job.id).state, ledger.get_job(job.id).total) == (JobState.DONE, 60)
    assert [(task.lo, task.hi, task.state) for task in ledger.tasks_of(job.id)] == [(0, 60, "done")]
    assert ledger.retry(job.id) == 0
    assert ledger.get_job(job.id).state is JobState.DONE
    watcher.check()


def test_what_cannot_be_ended_early_says_why(ledger: Ledger) -> None:
    fresh, portraits, cancelled = train(ledger, "fresh"), render(ledger, 0, 4), train(ledger, "gone")
    ledger.cancel(cancelled.id)
    for job_id, why in (
        (fresh.id, "no checkpoint yet"),
        (portraits.id, "only a training"),
        (cancelled.id, "cancelled"),
    ):
        with pytest.raises(Conflict, match=why):
            ledger.end_early(job_id)
    with pytest.raises(NotFound):
        ledger.end_early(999)
    assert ledger.get_job(fresh.id).state is JobState.QUEUED
    complete(ledger, claimed(ledger, "ada", ("train",)))
    assert ledger.get_job(fresh.id).done > 0
