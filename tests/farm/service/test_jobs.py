"""Jobs as users see them: progress, time left, why they wait, and their portraits."""

import dataclasses

import pytest

from farm.errors import Conflict
from farm.ledger import JobState, Progress
from farm.ledger.rows import Job, Task, Worker
from farm.ledger.states import TaskState
from farm.service import Service
from farm.service.views import view_job
from tests.farm.stocking import QUEUES, add_cascade, add_dataset, toy_worker, work_off

RENDER = {"kind": "render", "cascade": "demo", "seeds": "0..4,100..102", "size_px": 32}


SERVING = Worker(
    name="w", kinds=("render",), device="cpu", render_class="toy", slots=1, draining=False, seen_at=0.0,
    leave_until=None,
)  # fmt: skip


def job_row(**values: object) -> Job:
    plain = {
        "id": 7,
        "kind": "render",
        "spec": {},
        "state": JobState.RUNNING,
        "priority": 0,
        "total": 100,
        "done": 20,
        "failed": 5,
        "key_id": None,
        "created_at": 0.0,
        "started_at": 1000.0,
        "ended_at": None,
        "error": None,
        "pace_at": 1000.0,
        "pace_units": 10,
    }
    return Job(**{**plain, **values})  # type: ignore[arg-type]


def test_the_time_left_follows_from_what_was_settled_lately() -> None:
    view = view_job(job_row(), running=[], workers=[SERVING], now_s=1050.0)

    assert view.settled == 25
    assert view.rate == pytest.approx(0.3)
    assert view.seconds_left == pytest.approx(250.0)


@pytest.mark.parametrize("workers", [[], [dataclasses.replace(SERVING, draining=True)]])
def test_the_time_left_is_not_known_where_nobody_works(workers: list[Worker]) -> None:
    assert view_job(job_row(), running=[], workers=workers, now_s=1050.0).seconds_left is None


def test_the_time_left_is_not_known_before_something_was_settled() -> None:
    view = view_job(job_row(pace_units=25), running=[], workers=[SERVING], now_s=1050.0)
    assert (view.rate, view.seconds_left) == (None, None)


@pytest.mark.parametrize("state", [JobState.PAUSED, JobState.DONE, JobState.QUEUED, JobState.CANCELLED])
def test_a_job_that_does_not_move_has_no_time_left(state: JobState) -> None:
    view = view_job(job_row(state=state), running=[], workers=[], now_s=1050.0)

    assert (view.rate, view.seconds_left) == (None, None)


def test_the_bar_of_a_training_moves_within_a_slice() -> None:
    open_slice = Task(
        id=1,
        job_id=7,
        kind="train",
        lo=20,
        hi=60,
        cursor=20,
        state=TaskState.RUNNING,
        attempt=1,
        failures=0,
        losses=0,
        worker="w",
        lease_until=None,
        progress_at=None,
        units_done=12,
        output=None,
        error=None,
    )

    view = view_job(job_row(kind="train", failed=0), running=[open_slice], workers=[], now_s=1050.0)

    assert (view.settled, view.waiting) == (32, None)


def test_a_waiting_job_says_why(service: Service) -> None:
    add_cascade(service)
    job_id = service.submit(RENDER).job.id

    assert "no worker serves 'render'" in str(service.job(job_id).waiting)
    toy_worker(service.ledger)
    assert "toy is free" in str(service.job(job_id).waiting)
    service.ledger.drain_worker("toy")
    assert "stopping" in str(service.job(job_id).waiting)
    service.pause(job_id)
    assert "paused" in str(service.job(job_id).waiting)


def test_a_job_worked_on_waits_for_nothing(service: Service) -> None:
    add_cascade(service)
    job_id = service.submit(RENDER).job.id
    toy_worker(service.ledger)
    claim = service.ledger.claim("toy", QUEUES)

    assert claim is not None
    assert service.job(job_id).waiting is None
    service.ledger.beat(claim.task_id, claim.attempt, Progress(cursor=claim.lo + 1))
    assert service.job(job_id).settled == 1


def test_portraits_are_found_page_by_page_with_links(service: Service) -> None:
    # Given a job of eight seeds in two ranges, one of which fails for good
    add_cascade(service)
    job_id = service.submit(RENDER).job.id
    work_off(service, bad=(3,))
    service.ledger.reap()

    # When its portraits are read in pages of three
    pages, after = [], -1
    while True:
        page = service.portraits(job_id, after_seed=after, limit=3)
        pages.append([view.seed for view in page.portraits])
        if page.next_after is None:
            break
        after = page.next_after

    # Then every seed is there once, stored or failed, with a link or a reason
    assert pages == [[0, 1, 2], [3, 4, 100], [101, 102]]
    views = {view.seed: view for view in service.portraits(job_id).portraits}
    assert views[3].stored is None
    assert views[3].url is None
    assert all(view.url and view.stored for seed, view in views.items() if seed != 3)


def test_portraits_of_a_job_not_yet_worked_on_are_waiting(service: Service) -> None:
    add_cascade(service)
    job_id = service.submit({**RENDER, "seeds": f"0..{2**62}"}).job.id

    page = service.portraits(job_id, limit=2)

    assert [view.stored for view in page.portraits] == [None, None]
    assert page.next_after == 1


def test_the_same_recipe_is_found_by_every_job_that_asks_for_it(service: Service) -> None:
    add_cascade(service)
    service.submit(RENDER)
    work_off(service)

    again = service.submit({**RENDER, "seeds": "2"}).job.id

    assert service.portraits(again).portraits[0].stored is not None


def test_another_kind_of_job_has_no_portraits(service: Service) -> None:
    add_dataset(service)

    with pytest.raises(Conflict, match="no portraits"):
        service.portraits(1)


def test_files_a_job_left_have_links(service: Service) -> None:
    add_cascade(service)
    job_id = service.submit(RENDER).job.id
    work_off(service)

    (key, size_bytes, url), *_ = service.files_of(job_id)

    assert key == f"jobs/{job_id}/contact.jpg"
    assert size_bytes > 0
    assert "signature=" in url


def test_jobs_are_listed_newest_first_and_filtered(service: Service) -> None:
    add_cascade(service)
    ids = [service.submit({**RENDER, "seeds": str(seed)}).job.id for seed in range(3)]
    service.cancel(ids[1])

    assert [view.job.id for view in service.jobs(kind="render")] == ids[::-1]
    assert [view.job.id for view in service.jobs(state=JobState.CANCELLED)] == [ids[1]]
    assert [view.job.id for view in service.jobs(before_id=ids[1], kind="render")] == [ids[0]]


def test_cancel_pause_resume_and_retry_tell_whether_they_did_it(service: Service) -> None:
    add_cascade(service)
    job_id = service.submit(RENDER).job.id

    assert (service.pause(job_id), service.pause(job_id)) == (True, False)
    assert (service.resume(job_id), service.resume(job_id)) == (True, False)
    assert (service.cancel(job_id), service.cancel(job_id)) == (True, False)
    assert service.retry(job_id) == 0
    assert service.job(job_id).job.state is JobState.QUEUED


def test_a_worker_is_known_by_what_it_serves(service: Service) -> None:
    toy_worker(service.ledger, queues=("cpu",))

    assert [worker.name for worker in service.workers()] == ["toy"]
    assert service.is_served("curate")
    assert not service.is_served("render")
