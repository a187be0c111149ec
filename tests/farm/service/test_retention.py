"""What `farm delete` and `farm gc` take, and what they leave."""

import pytest

from farm.errors import Conflict, NotFound
from farm.ledger.collecting import Standing
from farm.ledger.rows import Outcome, Progress
from farm.ledger.states import JobState, TaskState
from farm.service import Service
from farm.storage import keys
from tests.farm.stocking import QUEUES, add_cascade, add_dataset, add_run, toy_worker, work_of, work_off


@pytest.fixture
def stocked(service: Service) -> Service:
    """A farm with a cascade `demo`."""
    add_cascade(service)
    return service


def rendered(service: Service, seeds: str, **more: object) -> int:
    """A finished render job."""
    spec = {"kind": "render", "cascade": "demo", "seeds": seeds, "size_px": 32, **more}
    job_id = service.submit(spec).job.id
    work_off(service)
    assert service.job(job_id).job.state is JobState.DONE
    return job_id


def stored(service: Service, job_id: int) -> list[int]:
    """Seeds of the job whose portrait has a row and an object."""
    shown = service.portraits(job_id, limit=500).portraits
    return [view.seed for view in shown if view.stored and service.storage.head(view.stored.key)]


def objects(service: Service) -> int:
    return len(list(service.storage.list("portraits/")))


def test_portraits_of_a_deleted_job_go_and_those_another_job_covers_stay(stocked: Service) -> None:
    first, second = rendered(stocked, "0..9"), rendered(stocked, "5..14")
    stocked.delete_job(first)

    survey = stocked.survey(grace_s=0)
    assert (survey.going.count, survey.portraits[Standing.COVERED].count, objects(stocked)) == (5, 10, 15)

    done = stocked.collect(grace_s=0)
    assert (done.portraits.count, done.finished) == (5, True)
    assert done.portraits.size_bytes == survey.going.size_bytes > 0
    assert stored(stocked, second) == list(range(5, 15))
    assert objects(stocked) == 10


def test_a_portrait_of_use_lately_stays_for_the_grace_period(stocked: Service) -> None:
    stocked.delete_job(rendered(stocked, "0..3"))
    survey = stocked.survey()
    assert (survey.going.count, survey.portraits[Standing.FRESH].count) == (0, 4)
    assert stocked.collect().portraits.count == 0
    assert stocked.collect(grace_s=0).portraits.count == 4


def test_a_starred_portrait_stays_until_the_star_is_taken_back(stocked: Service) -> None:
    first = rendered(stocked, "0..3")
    stocked.star(first, 2)
    assert [view.stored.starred for view in stocked.portraits(first).portraits if view.stored] == [0, 0, 1, 0]
    other = rendered(stocked, "2")
    stocked.delete_job(first)
    stocked.star(other, 2, starred=False)
    stocked.star(other, 2)
    stocked.delete_job(other)
    assert stocked.collect(grace_s=0).portraits.count == 3
    assert stocked.survey(grace_s=0).portraits[Standing.STARRED].count == objects(stocked) == 1

    stocked.star(first, 2, starred=False)
    assert stocked.collect(grace_s=0).portraits.count == 1
    with pytest.raises(NotFound, match="is not stored"):
        stocked.star(first, 2)


def test_only_what_is_stored_can_be_starred(stocked: Service) -> None:
    job_id = rendered(stocked, "0..3")
    with pytest.raises(NotFound, match=f"seed 9 of job {job_id} is not stored"):
        stocked.star(job_id, 9)
    waiting = stocked.submit({"kind": "render", "cascade": "demo", "seeds": "7", "size_px": 32}).job.id
    with pytest.raises(NotFound, match="not stored"):
        stocked.star(waiting, 7)


@pytest.mark.parametrize(
    "other",
    [{"size_px": 16}, {"psi": 0.5}, {"sigma": 0.1}, {"noise_seed": 4}],
    ids=["another size", "another psi", "another sigma", "another noise"],
)
def test_a_job_covers_only_its_own_recipes(stocked: Service, other: dict[str, object]) -> None:
    first = rendered(stocked, "3..6")
    rendered(stocked, "0..9", **other)
    stocked.delete_job(first)
    # With noise 4 for all, the second job's portrait of seed 4 is the first one's.
    assert stocked.collect(grace_s=0).portraits.count == (3 if "noise_seed" in other else 4)


def test_a_job_of_one_noise_covers_its_portraits(stocked: Service) -> None:
    first, _ = rendered(stocked, "0..5", noise_seed=4), rendered(stocked, "3..9", noise_seed=4)
    stocked.delete_job(first)
    assert stocked.collect(grace_s=0).portraits.count == 3


def test_a_portrait_rendered_again_after_a_collection_lies_under_a_new_key(stocked: Service) -> None:
    stocked.delete_job(rendered(stocked, "0..3"))
    stocked.collect(grace_s=0)
    again = rendered(stocked, "0..3")
    found = [view.stored for view in stocked.portraits(again).portraits if view.stored]
    assert [row.key for row in found] == [keys.portrait(row.recipe, 1) for row in found]
    assert stored(stocked, again) == [0, 1, 2, 3]


def test_a_job_is_deleted_only_after_it_ended(stocked: Service) -> None:
    job_id = stocked.submit({"kind": "render", "cascade": "demo", "seeds": "0..3", "size_px": 32}).job.id
    with pytest.raises(Conflict, match="is queued; `farm cancel"):
        stocked.delete_job(job_id)
    name = toy_worker(stocked.ledger)
    claim = stocked.ledger.claim(name, QUEUES)
    assert claim is not None
    stocked.cancel(job_id)
    with pytest.raises(Conflict, match="1 of its tasks still end"):
        stocked.delete_job(job_id)
    assert stocked.ledger.release(claim.task_id, claim.attempt, Progress(cursor=claim.cursor), Outcome())
    assert stocked.delete_job(job_id)


def test_a_deleted_job_has_no_rows_and_no_files_and_is_in_no_list(stocked: Service) -> None:
    job_id = rendered(stocked, "0..9")
    assert stocked.files_of(job_id)
    assert stocked.delete_job(job_id)
    assert stocked.delete_job(job_id), "a second time is no error"

    assert stocked.job(job_id).job.state is JobState.DELETED
    assert job_id not in [view.job.id for view in stocked.jobs()]
    assert [view.job.id for view in stocked.jobs(state=JobState.DELETED)] == [job_id]
    assert (stocked.files_of(job_id), stocked.tasks(job_id), stocked.ledger.ranges_of(job_id)) == ([], [], [])
    for verb in (stocked.cancel, stocked.pause, stocked.resume, stocked.retry):
        with pytest.raises(Conflict, match="is deleted"):
            verb(job_id)
    with pytest.raises(Conflict, match="is deleted"):
        stocked.ledger.extend(job_id, [(90, 91)])


def test_the_idempotency_key_of_a_deleted_job_answers_with_it(stocked: Service) -> None:
    spec = {"kind": "render", "cascade": "demo", "seeds": "0..3", "size_px": 32}
    job_id = stocked.submit(spec, idem_key="once").job.id
    work_off(stocked)
    stocked.delete_job(job_id)
    again = stocked.submit(spec, idem_key="once")
    assert (again.job.id, again.job.state, again.created) == (job_id, JobState.DELETED, False)


def test_datasets_runs_and_cascades_outlive_their_jobs(stocked: Service) -> None:
    add_dataset(stocked)
    add_run(stocked, "first")
    for view in stocked.jobs():
        stocked.delete_job(view.job.id)
    stocked.collect(grace_s=0)
    assert stocked.ledger.dataset("studio").kept == 3
    assert stocked.runs.detail("first").slices
    assert stocked.ledger.cascade("demo").version == 1
    add_run(stocked, "second")


def test_a_deletion_that_was_interrupted_is_finished_by_the_next_collection(stocked: Service) -> None:
    job_id = rendered(stocked, "0..9")
    assert not stocked.delete_job(job_id, limit_s=-1)
    assert stocked.tasks(job_id)
    done = stocked.collect(grace_s=0)
    assert (stocked.tasks(job_id), stocked.files_of(job_id)) == ([], [])
    assert (done.portraits.count, done.leftovers["job_files"].count, done.finished) == (10, 1, True)


def test_a_collection_told_to_stop_is_finished_by_the_next_one(stocked: Service) -> None:
    stocked.delete_job(rendered(stocked, "0..9"))
    assert not stocked.collect(grace_s=0, limit_s=-1).finished
    assert objects(stocked) == 10
    stocked.ledger.retention.begin()
    assert stocked.ledger.retention.mark(after="", grace_s=0) is not None, "its process is killed right here"
    assert stocked.survey(grace_s=0).portraits[Standing.MARKED].count == 10
    assert stocked.collect(grace_s=0).portraits.count == 10
    assert objects(stocked) == 0


def test_objects_without_a_row_go_once_nobody_can_name_them_any_more(stocked: Service) -> None:
    kept = rendered(stocked, "0..3")
    lost = "c" * 64
    stocked.storage.put(keys.portrait(lost), b"its worker died before it told the ledger")
    stocked.storage.put("portraits/cc/readme.txt", b"somebody's own file")
    assert stocked.survey(grace_s=0).leftovers["objects"].count == 1
    assert stocked.collect(grace_s=0).leftovers["objects"].count == 1
    assert stocked.storage.head(keys.portrait(lost)) is None
    assert stocked.storage.head("portraits/cc/readme.txt") is not None
    assert stored(stocked, kept) == [0, 1, 2, 3]


def test_an_object_put_since_the_collection_began_is_left_alone(stocked: Service) -> None:
    stocked.collect(grace_s=0)
    stocked.storage.put(keys.portrait("c" * 64, 2), b"of an epoch to come")
    stocked.collect(grace_s=0)
    assert objects(stocked) == 1
    stocked.collect(grace_s=0)
    assert objects(stocked) == 0


def test_checkpoints_of_attempts_that_did_not_count_go(stocked: Service) -> None:
    add_dataset(stocked)
    spec = {"kind": "train", "run": "faces", "stage": "base", "dataset": "studio", "preset": "smoke-base-16"}
    stocked.submit(spec)
    name = toy_worker(stocked.ledger)
    lost = stocked.ledger.claim(name, QUEUES)
    assert lost is not None
    put = {attempt: keys.checkpoint("faces", 0, attempt) + "state.json" for attempt in (1, 2)}
    stocked.storage.put(put[1], b"{}")
    assert stocked.collect().leftovers["checkpoints"].count == 0, "its attempt runs"

    assert stocked.ledger.release(lost.task_id, lost.attempt, Progress(cursor=0), Outcome())
    stocked.storage.put(put[2], b"{}")
    work_off(stocked)
    assert stocked.collect().leftovers["checkpoints"].count == 1
    assert [stocked.storage.head(put[attempt]) is None for attempt in (1, 2)] == [True, False]


def test_what_an_attempt_put_before_a_collection_began_does_not_count(stocked: Service) -> None:
    """Its task goes back at the ledger's cursor, counts no failure, and is done again under new keys."""
    job_id = stocked.submit({"kind": "render", "cascade": "demo", "seeds": "0..3", "size_px": 32}).job.id
    claim = stocked.ledger.claim(toy_worker(stocked.ledger), QUEUES)
    assert claim is not None
    progress, _ = work_of(claim, stocked)
    stocked.collect(grace_s=0)
    assert objects(stocked) == 0

    assert not stocked.ledger.finish(claim.task_id, claim.attempt, progress).owned
    (task,) = stocked.tasks(job_id)
    assert (task.state, task.cursor, task.failures, task.losses) == (TaskState.PENDING, 0, 0, 0)
    work_off(stocked)
    assert (stocked.job(job_id).job.state, stored(stocked, job_id)) == (JobState.DONE, [0, 1, 2, 3])


def test_an_attempt_hears_of_a_collection_at_its_next_beat(stocked: Service) -> None:
    stocked.submit({"kind": "render", "cascade": "demo", "seeds": "0..3", "size_px": 32})
    claim = stocked.ledger.claim(toy_worker(stocked.ledger), QUEUES)
    assert claim is not None
    nothing_new = Progress(cursor=claim.cursor)
    assert claim.epoch == stocked.ledger.beat(claim.task_id, claim.attempt, nothing_new).epoch == 0
    stocked.collect(grace_s=0)
    reply = stocked.ledger.beat(claim.task_id, claim.attempt, nothing_new)
    assert (reply.owned, reply.epoch) == (True, 1)
