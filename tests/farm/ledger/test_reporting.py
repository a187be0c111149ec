"""Beat, finish, release and the reaper: who owns a task, and what its reports do."""

import pytest

from farm.errors import Conflict, WorkFailed
from farm.ledger import BeatReply, CascadeRow, Dataset, JobState, Ledger, Outcome, Progress, TaskState
from tests.farm.ledger.acting import (
    ALL,
    Clock,
    at,
    claimed,
    complete,
    portrait,
    render,
    single,
    slice_of,
    train,
    work_off,
    worker,
)


@pytest.fixture(autouse=True)
def _workers(ledger: Ledger) -> None:
    ledger.register_worker(worker("ada"))


def test_a_beat_brings_portraits_moves_the_cursor_and_renews_the_lease(ledger: Ledger, clock: Clock) -> None:
    job = render(ledger, 0, 8)
    claim = claimed(ledger, "ada")
    clock.advance(20)
    rows = [portrait("a"), portrait("b")]
    assert ledger.beat(claim.task_id, claim.attempt, at(2, portraits=rows)) == BeatReply(owned=True, hi=8)
    (task,) = ledger.tasks_of(job.id)
    assert task.cursor == 2
    assert task.lease_until == pytest.approx(ledger.now() + 30, abs=5)
    assert ledger.get_job(job.id).done == 2
    assert set(ledger.portraits_by_recipe(["a", "b", "c"])) == {"a", "b"}


def test_beats_out_of_order_never_move_the_cursor_back(ledger: Ledger) -> None:
    job = render(ledger, 0, 8)
    claim = claimed(ledger, "ada")
    for cursor, done in ((5, 5), (3, 5), (6, 6), (99, 8)):
        ledger.beat(claim.task_id, claim.attempt, at(cursor))
        assert ledger.get_job(job.id).done == done


def test_a_beat_moves_no_cursor_where_units_do_not_stand_for_themselves(ledger: Ledger) -> None:
    job = train(ledger, "base")
    claim = claimed(ledger, "ada")
    ledger.beat(claim.task_id, claim.attempt, Progress(cursor=50, units_done=50))
    (task,) = ledger.tasks_of(job.id)
    assert (task.cursor, task.units_done, ledger.get_job(job.id).done) == (0, 50, 0)


def test_the_last_finish_leaves_a_render_job_finishing_and_its_finalise_task_ends_it(ledger: Ledger) -> None:
    job = render(ledger, 0, 4)
    claim = claimed(ledger, "ada")
    assert ledger.finish(claim.task_id, claim.attempt, at(4)).job_state is JobState.FINISHING
    finalise = claimed(ledger, "ada", ["cpu"])
    assert (finalise.kind, finalise.job_id, finalise.spec) == ("finalise", job.id, job.spec)
    assert ledger.finish(finalise.task_id, finalise.attempt, at(1)).job_state is JobState.DONE
    done = ledger.get_job(job.id)
    assert (done.total, done.done, done.failed) == (4, 4, 0)
    assert done.ended_at is not None


def test_a_job_of_one_unit_is_done_when_that_is(ledger: Ledger) -> None:
    job = single(ledger)
    claim = claimed(ledger, "ada")
    made = CascadeRow(digest="a" * 64, name="faces", version=0, config={"stages": []})
    reply = ledger.finish(claim.task_id, claim.attempt, at(1), Outcome(output={"note": 1}, cascade=made))
    assert reply.job_state is JobState.DONE
    assert ledger.tasks_of(job.id)[0].output == {"note": 1}
    assert ledger.cascade("faces").version == 1


def test_a_finish_before_the_end_is_refused_and_writes_nothing(ledger: Ledger) -> None:
    job = render(ledger, 0, 4)
    claim = claimed(ledger, "ada")
    with pytest.raises(WorkFailed):
        ledger.finish(claim.task_id, claim.attempt, at(3, portraits=[portrait("a")]))
    assert ledger.get_job(job.id).done == 0
    assert ledger.portraits_by_recipe(["a"]) == {}


def test_a_stale_attempt_writes_nothing(ledger: Ledger, clock: Clock) -> None:
    job = render(ledger, 0, 8)
    old = claimed(ledger, "ada")
    clock.advance(31)
    (lost,) = ledger.reap()
    assert (lost.state, lost.losses, lost.failures, lost.cursor) == (TaskState.PENDING, 1, 0, 0)
    new = claimed(ledger, "ada")
    assert (new.task_id, new.attempt) == (old.task_id, 2)
    assert ledger.beat(old.task_id, old.attempt, at(8, portraits=[portrait("a")])) == BeatReply(owned=False)
    assert not ledger.finish(old.task_id, old.attempt, at(8)).owned
    assert not ledger.release(old.task_id, old.attempt, at(8))
    assert not ledger.fail(old.task_id, old.attempt, at(8), "late")
    assert ledger.get_job(job.id).done == 0
    assert ledger.portraits_by_recipe(["a"]) == {}
    complete(ledger, new)
    assert not ledger.finish(new.task_id, new.attempt, at(8)).owned, "a finish said twice counts once"


def test_a_late_beat_keeps_a_task_the_reaper_has_not_taken(ledger: Ledger, clock: Clock) -> None:
    render(ledger, 0, 8)
    claim = claimed(ledger, "ada")
    clock.advance(40)
    assert ledger.beat(claim.task_id, claim.attempt, at(1)).owned
    assert ledger.reap() == []


def test_a_lost_task_goes_on_at_its_cursor(ledger: Ledger, clock: Clock) -> None:
    job = render(ledger, 0, 8)
    claim = claimed(ledger, "ada")
    ledger.beat(claim.task_id, claim.attempt, at(5))
    clock.advance(31)
    ledger.reap()
    again = claimed(ledger, "ada")
    assert (again.lo, again.cursor, again.hi) == (0, 5, 8)
    complete(ledger, again)
    assert ledger.get_job(job.id).done == 8


def test_a_task_lost_after_its_last_beat_is_done(ledger: Ledger, clock: Clock) -> None:
    job = render(ledger, 0, 8)
    claim = claimed(ledger, "ada")
    ledger.beat(claim.task_id, claim.attempt, at(8))
    clock.advance(31)
    assert [task.state for task in ledger.reap()] == [TaskState.DONE]
    assert ledger.get_job(job.id).state is JobState.FINISHING


def test_giving_back_counts_nowhere_and_keeps_what_is_settled(ledger: Ledger) -> None:
    job = render(ledger, 0, 8)
    claim = claimed(ledger, "ada")
    assert ledger.release(claim.task_id, claim.attempt, at(3), Outcome(output={"part": 1}))
    rest, part = ledger.tasks_of(job.id)
    assert (rest.state, rest.lo, rest.cursor, rest.hi) == (TaskState.PENDING, 3, 3, 8)
    assert (rest.failures, rest.losses, rest.worker, rest.output) == (0, 0, None, None)
    assert (part.state, part.lo, part.hi, part.output) == (TaskState.DONE, 0, 3, {"part": 1})


def test_giving_back_a_task_that_is_complete_finishes_it(ledger: Ledger) -> None:
    job = render(ledger, 0, 8)
    claim = claimed(ledger, "ada")
    assert ledger.release(claim.task_id, claim.attempt, at(8))
    assert ledger.get_job(job.id).state is JobState.FINISHING


def test_a_beat_tells_of_draining_and_cancelling(ledger: Ledger) -> None:
    job = render(ledger, 0, 8)
    claim = claimed(ledger, "ada")
    assert not ledger.beat(claim.task_id, claim.attempt, at(1)).stop
    ledger.drain_worker("ada")
    reply = ledger.beat(claim.task_id, claim.attempt, at(1))
    assert reply.draining and reply.stop
    ledger.register_worker(worker("ada"))
    ledger.cancel(job.id)
    reply = ledger.beat(claim.task_id, claim.attempt, at(2))
    assert reply.owned and reply.stop and reply.job_state is JobState.CANCELLED


def test_an_abandoned_task_is_reaped_at_once(ledger: Ledger) -> None:
    render(ledger, 0, 8)
    claimed(ledger, "ada")
    assert ledger.reap() == []
    assert ledger.abandon("ada") == 1
    assert len(ledger.reap()) == 1


def test_a_dataset_version_appears_when_its_job_writes_it(ledger: Ledger) -> None:
    spec = {"kind": "curate", "dataset": "faces", "photos": 3}
    job, _ = ledger.submit(spec, kind="curate", ranges=[(0, 3)])
    complete(ledger, claimed(ledger, "ada"))
    claim = claimed(ledger, "ada")
    made = Dataset(
        name="faces", version=1, manifest_key="k", manifest_sha256="0" * 64, kept=2, dropped=1, job_id=job.id
    )
    with pytest.raises(Conflict):
        wrong = Dataset(**{**made.__dict__, "version": 7})
        ledger.finish(claim.task_id, claim.attempt, at(1), Outcome(dataset=wrong))
    ledger.finish(claim.task_id, claim.attempt, at(1), Outcome(dataset=made))
    assert ledger.dataset("faces") == made == ledger.dataset("faces", 1)
    assert ledger.datasets("faces") == [made]


def test_a_slice_of_a_run_of_another_job_is_refused(ledger: Ledger) -> None:
    train(ledger, "mine")
    train(ledger, "yours")
    claim = claimed(ledger, "ada")
    foreign = slice_of(claim, 100).slice
    assert foreign is not None
    with pytest.raises(Conflict):
        ledger.finish(
            claim.task_id, claim.attempt, at(100), Outcome(slice=type(foreign)(**{**foreign.__dict__, "run": "yours"}))
        )
    assert ledger.run("yours").nimg == 0


def test_every_job_ends_with_one_worker(ledger: Ledger) -> None:
    jobs = [render(ledger, 0, 50), single(ledger), train(ledger, "base"), render(ledger, 7, 8)]
    work_off(ledger, "ada", ALL)
    assert {ledger.get_job(job.id).state for job in jobs} == {JobState.DONE}
