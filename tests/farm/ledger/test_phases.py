"""Jobs in phases: nothing of a phase is cut before everything below it is settled. On both databases."""

from collections.abc import Sequence

import pytest

from farm.ledger import Job, JobState, Ledger, Limits, TaskState
from farm.ledger.rows import Phases
from farm.specs.seeds import SeedRange
from tests.farm.ledger.acting import Clock, at, claimed, complete, work_off, worker


@pytest.fixture(autouse=True)
def _workers(ledger: Ledger) -> None:
    ledger.register_worker(worker("ada", kinds=["render"]))
    ledger.register_worker(worker("bob", kinds=["render"]))


def phased(ledger: Ledger, *lengths: int) -> Job:
    spec = {"kind": "render", "cascade": "c" * 64, "size_px": 64}
    return ledger.submit(spec, kind="render", ranges=Phases(lengths))[0]


def claimable(ledger: Ledger) -> int:
    (found,) = (each.claimable for each in ledger.demand() if each.queue == "render")
    return found


def bounds(ledger: Ledger, job: Job) -> Sequence[tuple[int, int]]:
    return [(task.lo, task.hi) for task in ledger.tasks_of(job.id)]


def test_phases_are_ranges_one_behind_the_other_and_empty_ones_are_none() -> None:
    assert Phases((10, 0, 1, 5)).ranges == (SeedRange(0, 10), SeedRange(10, 11), SeedRange(11, 16))
    assert Phases((0, 3)).ranges == (SeedRange(0, 3),)


def test_the_next_phase_waits_for_the_last_open_task_below_it(ledger: Ledger) -> None:
    job = phased(ledger, 4, 1, 4)
    first, second = claimed(ledger, "ada"), claimed(ledger, "bob")
    assert (first.lo, first.hi, second.lo, second.hi) == (0, 2, 2, 4), "each half of the phase, not of the job"
    complete(ledger, first)
    assert ledger.claim("ada", ["render"]) is None
    assert claimable(ledger) == 0
    complete(ledger, second)
    assert claimable(ledger) == 1
    ranking = claimed(ledger, "ada")
    assert (ranking.lo, ranking.hi) == (4, 5)
    assert ledger.claim("bob", ["render"]) is None
    complete(ledger, ranking)
    last = claimed(ledger, "bob")
    assert last.lo == 5
    assert ledger.get_job(job.id).done == 5


def test_a_phase_that_has_begun_goes_on_beside_its_own_open_tasks(ledger: Ledger) -> None:
    phased(ledger, 1, 8)
    complete(ledger, claimed(ledger, "ada"))
    first, second = claimed(ledger, "ada"), claimed(ledger, "bob")
    assert (first.lo, second.lo) == (1, first.hi)


def test_a_task_given_back_below_a_barrier_holds_it_closed(ledger: Ledger) -> None:
    phased(ledger, 4, 1)
    first = claimed(ledger, "ada", ["render"])
    second = claimed(ledger, "bob", ["render"])
    complete(ledger, second)
    ledger.release(first.task_id, first.attempt, at(first.lo + 1))
    assert claimable(ledger) == 1
    again = claimed(ledger, "bob")
    assert (again.task_id, again.cursor) == (first.task_id, first.lo + 1)
    assert ledger.claim("ada", ["render"]) is None


def test_a_lost_task_below_a_barrier_holds_it_closed(ledger: Ledger, clock: Clock) -> None:
    phased(ledger, 4, 1)
    first, second = claimed(ledger, "ada"), claimed(ledger, "bob")
    complete(ledger, second)
    clock.advance(Limits().lease_s + 1)
    ledger.worker_seen("bob")
    assert [task.id for task in ledger.reap()] == [first.task_id]
    assert claimed(ledger, "bob").task_id == first.task_id
    assert ledger.claim("bob", ["render"]) is None


def test_a_quarantined_unit_is_settled_and_opens_the_next_phase(ledger: Ledger, clock: Clock) -> None:
    job = phased(ledger, 3, 2)
    for _ in range(20):
        for name in ("ada", "bob"):
            work_off(ledger, name, ["render"], bad=[1])
        clock.advance(70)
        for name in ("ada", "bob"):
            ledger.worker_seen(name)
    after = ledger.get_job(job.id)
    assert (after.done, after.failed) == (4, 1)
    assert [failure.unit for failure in ledger.failures_of(job.id)] == [1]
    assert after.state is JobState.FINISHING


def test_no_task_spans_two_phases_and_the_job_ends(ledger: Ledger) -> None:
    job = phased(ledger, 5, 1, 7)
    ledger.register_worker(worker("cleo"))
    work_off(ledger, "cleo")
    assert ledger.get_job(job.id).state is JobState.DONE
    tasks = [task for task in ledger.tasks_of(job.id) if task.kind == "render"]
    assert all(task.state is TaskState.DONE for task in tasks)
    phase_of = [0] * 5 + [1] + [2] * 7
    assert all(len({phase_of[unit] for unit in range(task.lo, task.hi)}) == 1 for task in tasks)


def test_the_same_units_without_phases_are_another_request(ledger: Ledger) -> None:
    spec = {"kind": "render", "cascade": "c" * 64, "size_px": 64}
    plain = ledger.submit(spec, kind="render", ranges=[(0, 3)], idem_key="one")[0]
    again, made = ledger.submit(spec, kind="render", ranges=[(0, 3)], idem_key="one")
    assert (again.id, made) == (plain.id, False)
