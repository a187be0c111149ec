"""The parts of a result list: who is told to write them, when, and what takes them back."""

import pytest

from farm.errors import Conflict, InvalidInput
from farm.ledger import Claim, JobState, Ledger, Outcome, TaskState
from farm.specs.kinds import LIST, PART_UNITS
from tests.farm.ledger.acting import Clock, at, claimed, complete, render, work_off, worker


@pytest.fixture
def big(ledger: Ledger) -> Ledger:
    """A ledger with a worker whose tasks are half a part long."""
    ledger.register_worker(worker("ada", kinds=("render",), rates={f"render@64px:{'c' * 12}": PART_UNITS / 120}))
    ledger.register_worker(worker("scribe", kinds=("cpu",)))
    return ledger


def lists(ledger: Ledger, job_id: int, *states: TaskState) -> list[tuple[int, int]]:
    found = ledger.tasks_of(job_id, states=states or None)
    return [(task.lo, task.hi) for task in found if task.kind == LIST]


def listed(ledger: Ledger, claim: Claim) -> None:
    outcome = Outcome(parts=tuple(range(claim.lo, claim.hi)))
    assert ledger.finish(claim.task_id, claim.attempt, at(claim.hi), outcome).owned


def test_a_part_is_listed_as_soon_as_all_its_units_are_settled(big: Ledger) -> None:
    # Given a job of three parts and a half, worked on in halves of a part
    job = render(big, 0, 7 * PART_UNITS // 2)
    first, second = claimed(big, "ada", ["render"]), claimed(big, "ada", ["render"])
    # When the second half is done before the first
    complete(big, second)
    assert lists(big, job.id) == []
    complete(big, first)
    # Then one task lists the part
    assert lists(big, job.id, TaskState.PENDING) == [(0, 1)]
    # And the next task lists what was settled since
    work_off(big, "ada", ["render"])
    assert lists(big, job.id) == [(0, 1), (1, 2), (2, 3)]
    # And the job is finalised once these are written
    assert big.get_job(job.id).state is JobState.RUNNING
    while (claim := big.claim("scribe", ["cpu"])) is not None and claim.kind == LIST:
        assert (claim.job_id, claim.spec) == (job.id, job.spec)
        listed(big, claim)
    assert claim is not None
    assert claim.kind == "finalise"
    assert big.written_parts(job.id) == {0, 1, 2}
    listed_last = Outcome(parts=(3,))
    assert big.finish(claim.task_id, claim.attempt, at(1), listed_last).job_state is JobState.DONE
    assert big.written_parts(job.id) == {0, 1, 2, 3}


def test_a_lost_listing_is_done_again_and_its_owner_may_not_note_anything(big: Ledger, clock: Clock) -> None:
    job = render(big, 0, 2 * PART_UNITS)
    complete(big, claimed(big, "ada", ["render"]))
    complete(big, claimed(big, "ada", ["render"]))
    lost = claimed(big, "scribe", ["cpu"])
    clock.advance(100)
    big.reap()
    assert not big.finish(lost.task_id, lost.attempt, at(lost.hi), Outcome(parts=(0,))).owned
    assert big.written_parts(job.id) == set()
    clock.advance(100)
    big.worker_seen("scribe")
    again = claimed(big, "scribe", ["cpu"])
    assert (again.task_id, again.attempt) == (lost.task_id, lost.attempt + 1)
    listed(big, again)
    assert big.written_parts(job.id) == {0}


def test_a_listing_that_cannot_be_done_does_not_stop_the_job(big: Ledger, clock: Clock) -> None:
    job = render(big, 0, PART_UNITS + 1)
    work_off(big, "ada", ["render"])
    while (claim := big.claim("scribe", ["cpu"])) is not None and claim.kind == LIST:
        big.fail(claim.task_id, claim.attempt, at(claim.lo), "no room")
        clock.advance(300)
        big.worker_seen("scribe")
    assert lists(big, job.id, TaskState.FAILED) == [(0, 1)]
    assert claim is not None
    assert claim.kind == "finalise"


def test_the_units_that_a_retry_opens_take_their_parts_back(big: Ledger, clock: Clock) -> None:
    # Given a done job of two parts, whose last unit failed for good
    job = render(big, 0, 2 * PART_UNITS)
    bad = 2 * PART_UNITS - 1
    for _ in range(12):
        work_off(big, "ada", ["render"], bad=[bad])
        clock.advance(70)
        big.worker_seen("ada")
        big.worker_seen("scribe")
    while (claim := big.claim("scribe", ["cpu"])) is not None:
        outcome = Outcome(parts=(0, 1) if claim.kind == "finalise" else (0,))
        big.finish(claim.task_id, claim.attempt, at(claim.hi), outcome)
    assert big.get_job(job.id).state is JobState.DONE
    assert big.get_job(job.id).failed == 1
    assert big.written_parts(job.id) == {0, 1}
    # When it is tried again
    assert big.retry(job.id) == 1
    # Then its part alone has to be written again
    assert big.written_parts(job.id) == {0}


def test_what_was_read_before_an_extension_is_not_noted(big: Ledger) -> None:
    # Given a finalise task that has read the job's half part
    job = render(big, 0, PART_UNITS // 2)
    work_off(big, "ada", ["render"])
    finalise = claimed(big, "scribe", ["cpu"])
    # When units are added to that part before it ends
    big.extend(job.id, [(PART_UNITS // 2, PART_UNITS)])
    big.finish(finalise.task_id, finalise.attempt, at(1), Outcome(parts=(0,)))
    # Then the part counts as unwritten, and the job goes on
    assert big.written_parts(job.id) == set()
    assert big.get_job(job.id).state is JobState.QUEUED


def test_an_extension_ends_a_listing_that_reads_just_now(big: Ledger) -> None:
    job = render(big, PART_UNITS // 2, 2 * PART_UNITS)
    complete(big, claimed(big, "ada", ["render"]))
    reading = claimed(big, "scribe", ["cpu"])
    big.extend(job.id, [(0, 10)])
    assert not big.finish(reading.task_id, reading.attempt, at(reading.hi), Outcome(parts=(0,))).owned
    # What comes before the rest is worked on first, and then listed with it.
    work_off(big, "ada", ["render"])
    assert lists(big, job.id, TaskState.PENDING)[0][0] == 0


def test_an_extended_job_tells_all_its_seeds(ledger: Ledger) -> None:
    job = render(ledger, 10, 20)
    assert ledger.extend(job.id, [(20, 30), (40, 41)]).spec["seeds"] == "10..29,40"
    assert ledger.extend(job.id, [(0, 5)]).total == 26
    with pytest.raises(Conflict, match="has some of these seeds already"):
        ledger.extend(job.id, [(5, 11)])
    with pytest.raises(InvalidInput, match="too many ranges"):
        ledger.extend(job.id, [(seed, seed + 1) for seed in range(100, 2200, 2)])
    assert ledger.get_job(job.id).total == 26


def test_the_rate_counts_from_a_minute_or_two_ago(ledger: Ledger, clock: Clock) -> None:
    # Given a job that did nothing for an hour after its first claim, then 10 units every 30 s
    ledger.register_worker(worker("ada", rates={f"render@64px:{'c' * 12}": 10.0}))
    job = render(ledger, 0, 600)
    task = claimed(ledger, "ada")
    clock.advance(3600)
    ledger.worker_seen("ada")
    for tens in range(1, 11):
        ledger.beat(task.task_id, task.attempt, at(10 * tens))
        clock.advance(30)
    # Then that hour is forgotten
    now = ledger.get_job(job.id)
    assert now.pace_at is not None
    assert 60 <= ledger.now() - now.pace_at <= 180
    assert (now.done - now.pace_units) / (ledger.now() - now.pace_at) == pytest.approx(1 / 3, rel=0.5)
    # And a pause is forgotten at once
    ledger.pause(job.id)
    clock.advance(3600)
    ledger.resume(job.id)
    resumed = ledger.get_job(job.id)
    assert resumed.pace_units == 100
    assert ledger.now() - (resumed.pace_at or 0) < 60
