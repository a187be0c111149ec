"""Jobs come in, once each, in a constant number of rows."""

import pytest

from farm.errors import Conflict, InvalidInput, NotFound
from farm.ledger import JobState, Ledger, Role
from farm.specs.seeds import SeedRange
from tests.farm.ledger.acting import claimed, complete, render, single, train, work_off, worker

SPEC = {"kind": "render", "cascade": "c" * 64, "size_px": 64, "seeds": "0..9"}


def test_a_job_comes_back_as_it_was_submitted(ledger: Ledger) -> None:
    job, new = ledger.submit(SPEC, kind="render", ranges=[SeedRange(0, 10)], priority=3)
    assert new
    assert (job.kind, job.spec, job.state, job.priority) == ("render", SPEC, JobState.QUEUED, 3)
    assert (job.total, job.done, job.failed) == (10, 0, 0)
    assert ledger.get_job(job.id) == job
    assert abs(job.created_at - ledger.now()) < 30


def test_a_million_seeds_cost_as_many_statements_as_one(ledger: Ledger) -> None:
    costs = []
    for units in (1, 1_000_000, 2**62):
        before = ledger.statements
        ledger.submit(SPEC, kind="render", ranges=[(0, units)])
        costs.append(ledger.statements - before)
    assert costs[0] == costs[1] == costs[2] <= 5


def test_the_last_seed_of_all_can_be_asked_for_and_is_given_out(ledger: Ledger) -> None:
    ledger.register_worker(worker("ada"))
    job = render(ledger, 2**63 - 2, 2**63)
    claim = claimed(ledger, "ada")
    assert (claim.lo, claim.hi) == (2**63 - 2, 2**63)
    assert ledger.ranges_of(job.id) == [SeedRange(2**63 - 2, 2**63)]
    complete(ledger, claim, 2**63 - 1)
    work_off(ledger, "ada", bad=[2**63 - 1])
    assert ledger.claim("ada", ["render"]) is None


@pytest.mark.parametrize(
    "ranges",
    [[], [(3, 3)], [(5, 3)], [(-1, 3)], [(0, 2**63 + 1)], [(0, 5), (4, 9)], [(0, 2**63)]],
    ids=["none", "empty", "backwards", "negative", "beyond the last seed", "overlapping", "more than a counter holds"],
)
def test_wrong_ranges_are_refused(ledger: Ledger, ranges: list[tuple[int, int]]) -> None:
    with pytest.raises(InvalidInput):
        ledger.submit(SPEC, kind="render", ranges=ranges)
    assert ledger.list_jobs() == []


def test_the_same_idempotency_key_gives_the_same_job(ledger: Ledger) -> None:
    first, new = ledger.submit(SPEC, kind="render", ranges=[(0, 10)], idem_key="once")
    again, new_again = ledger.submit(SPEC, kind="render", ranges=[(0, 10)], idem_key="once")
    assert new and not new_again
    assert again == first
    assert len(ledger.list_jobs()) == 1


def test_the_same_idempotency_key_with_another_body_is_a_conflict(ledger: Ledger) -> None:
    ledger.submit(SPEC, kind="render", ranges=[(0, 10)], idem_key="once")
    with pytest.raises(Conflict):
        ledger.submit({**SPEC, "size_px": 128}, kind="render", ranges=[(0, 10)], idem_key="once")
    with pytest.raises(Conflict):
        ledger.submit(SPEC, kind="render", ranges=[(0, 11)], idem_key="once")


def test_idempotency_keys_of_two_api_keys_are_apart(ledger: Ledger) -> None:
    ids = [ledger.create_key(name, Role.ARTIST)[0].id for name in ("one", "two")]
    jobs = [ledger.submit(SPEC, kind="render", ranges=[(0, 10)], key_id=i, idem_key="k")[0] for i in (*ids, None)]
    assert len({job.id for job in jobs}) == 3
    assert [job.key_id for job in jobs] == [*ids, None]


def test_a_curate_job_reserves_the_next_version_of_its_dataset(ledger: Ledger) -> None:
    spec = {"kind": "curate", "dataset": "faces", "photos": 2}
    versions = [ledger.submit(spec, kind="curate", ranges=[(0, 2)])[0].spec["version"] for _ in range(3)]
    assert versions == [1, 2, 3]
    assert ledger.datasets() == []


def test_the_name_of_a_run_is_taken_once(ledger: Ledger) -> None:
    job = train(ledger, "base")
    with pytest.raises(Conflict, match="choose another name"):
        train(ledger, "base")
    assert [run.job_id for run in ledger.runs()] == [job.id]
    assert ledger.run("base").nimg == 0


def test_extending_a_done_job_opens_it_again(ledger: Ledger) -> None:
    ledger.register_worker(worker("ada"))
    job = render(ledger, 0, 10)
    work_off(ledger, "ada")
    assert ledger.get_job(job.id).state is JobState.DONE
    extended = ledger.extend(job.id, [(10, 15), (20, 25)])
    assert (extended.state, extended.total, extended.done, extended.ended_at) == (JobState.QUEUED, 20, 10, None)
    work_off(ledger, "ada")
    assert (ledger.get_job(job.id).state, ledger.get_job(job.id).done) == (JobState.DONE, 20)
    assert ledger.ranges_of(job.id) == [SeedRange(0, 10), SeedRange(10, 15), SeedRange(20, 25)]


def test_a_job_extended_while_it_finishes_goes_on_when_it_has_finished(ledger: Ledger) -> None:
    ledger.register_worker(worker("ada"))
    job = render(ledger, 0, 3)
    work_off(ledger, "ada", ["render"])
    assert ledger.get_job(job.id).state is JobState.FINISHING
    assert ledger.extend(job.id, [(3, 5)]).state is JobState.FINISHING
    assert ledger.claim("ada", ["render"]) is None
    complete(ledger, claimed(ledger, "ada", ["cpu"]))
    assert ledger.get_job(job.id).state is JobState.QUEUED
    work_off(ledger, "ada")
    assert (ledger.get_job(job.id).state, ledger.get_job(job.id).done) == (JobState.DONE, 5)


def test_what_a_job_has_already_cannot_be_added_to_it(ledger: Ledger) -> None:
    job = render(ledger, 10, 20)
    for lo, hi in ((10, 20), (0, 11), (19, 30), (12, 13), (0, 40)):
        with pytest.raises(Conflict):
            ledger.extend(job.id, [(30, 40), (lo, hi)] if hi <= 30 else [(lo, hi)])
    assert ledger.get_job(job.id).total == 10


def test_only_render_jobs_that_have_not_ended_badly_are_extended(ledger: Ledger) -> None:
    with pytest.raises(NotFound):
        ledger.extend(99, [(0, 1)])
    with pytest.raises(Conflict):
        ledger.extend(single(ledger).id, [(1, 2)])
    job = render(ledger, 0, 10)
    ledger.cancel(job.id)
    with pytest.raises(Conflict):
        ledger.extend(job.id, [(10, 11)])


def test_jobs_are_listed_newest_first_in_pages(ledger: Ledger) -> None:
    jobs = [render(ledger, n, n + 1) for n in range(5)]
    other = single(ledger)
    newest = ledger.list_jobs(limit=2)
    assert [job.id for job in newest] == [other.id, jobs[4].id]
    assert [job.id for job in ledger.list_jobs(before_id=newest[-1].id)] == [job.id for job in jobs[3::-1]]
    assert [job.id for job in ledger.list_jobs(kind="assemble")] == [other.id]
    ledger.pause(jobs[2].id)
    assert [job.id for job in ledger.list_jobs(state=JobState.PAUSED)] == [jobs[2].id]
