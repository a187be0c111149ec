"""Work that ran out of memory: only larger devices take its class, nobody's failure, and not for ever."""

from dataclasses import replace

import pytest

from farm.ledger import Claim, JobState, Ledger, TaskState
from farm.ledger.fitting import REMEMBERED_S
from tests.farm.ledger.acting import Clock, at, claimed, complete, render, work_off, worker

GIB = 1 << 30


@pytest.fixture(autouse=True)
def _two(ledger: Ledger) -> None:
    ledger.register_worker(replace(worker("small"), memory_bytes=8 * GIB))
    ledger.register_worker(replace(worker("twin"), memory_bytes=8 * GIB))


def large(ledger: Ledger) -> None:
    ledger.register_worker(replace(worker("large"), memory_bytes=24 * GIB))


def ran_out(ledger: Ledger, claim: Claim, cursor: int) -> None:
    assert ledger.machines.outgrow(claim.task_id, claim.attempt, at(cursor), "too little memory for 1024 px")


def test_it_waits_for_a_device_with_more_memory_and_counts_as_nobodys_failure(ledger: Ledger) -> None:
    job = render(ledger, 0, 6)
    claim = claimed(ledger, "small")
    ran_out(ledger, claim, claim.lo + 1)
    assert ledger.claim("small", ["render"]) is None
    assert ledger.claim("twin", ["render"]) is None, "another device of that memory is no better"
    waiting = ledger.get_task(claim.task_id)
    assert (waiting.state, waiting.failures, waiting.losses, waiting.cursor) == (TaskState.PENDING, 0, 0, claim.lo + 1)
    large(ledger)
    work_off(ledger, "large")
    done = ledger.get_job(job.id)
    assert (done.state, done.done, done.failed) == (JobState.DONE, 6, 0)


def test_only_that_class_of_work_is_kept_away(ledger: Ledger) -> None:
    render(ledger, 0, 6)
    claim = claimed(ledger, "small")
    ran_out(ledger, claim, claim.lo)
    other = {"kind": "render", "cascade": "c" * 64, "size_px": 32, "seeds": "0..3"}
    fits = ledger.submit(other, kind="render", ranges=[(0, 4)])[0]
    assert claimed(ledger, "small").job_id == fits.id


def test_a_class_is_known_by_the_largest_device_it_did_not_fit_on(ledger: Ledger) -> None:
    large(ledger)
    render(ledger, 0, 60)
    on_large, on_small = claimed(ledger, "large"), claimed(ledger, "small")
    ran_out(ledger, on_large, on_large.lo)
    ran_out(ledger, on_small, on_small.lo)
    assert ledger.claim("large", ["render"]) is None


def test_a_tail_of_it_is_not_stolen_by_a_smaller_device(ledger: Ledger) -> None:
    large(ledger)
    render(ledger, 0, 40)
    claim = claimed(ledger, "small")
    ran_out(ledger, claim, claim.lo)
    running = [ledger.claim("large", ["render"]) for _ in range(8)]
    assert any(found is not None for found in running)
    assert ledger.claim("small", ["render"]) is None


def test_it_is_forgotten_after_an_hour_and_at_once_by_a_retry(ledger: Ledger, clock: Clock) -> None:
    job = render(ledger, 0, 6)
    claim = claimed(ledger, "small")
    ran_out(ledger, claim, claim.lo)
    ledger.retry(job.id)
    claim = claimed(ledger, "small")
    ran_out(ledger, claim, claim.lo)
    clock.advance(REMEMBERED_S + 1)
    ledger.worker_seen("small")
    complete(ledger, claimed(ledger, "small"))


def test_a_stale_attempt_tells_nothing(ledger: Ledger) -> None:
    render(ledger, 0, 6)
    claim = claimed(ledger, "small")
    assert not ledger.machines.outgrow(claim.task_id, claim.attempt + 1, at(claim.lo), "a ghost")
    complete(ledger, claim)
    assert ledger.claim("twin", ["render"]) is not None


def test_what_is_settled_to_its_end_is_done_however_the_attempt_ended(ledger: Ledger) -> None:
    render(ledger, 0, 2)
    claim = claimed(ledger, "small")
    ran_out(ledger, claim, claim.hi)
    assert ledger.get_task(claim.task_id).state is TaskState.DONE
