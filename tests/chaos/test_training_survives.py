"""A training slice that is killed costs a slice and nothing else: the same weights, and nothing left on the device."""

import shutil
import threading
import time
from collections.abc import Iterator

import psutil
import pytest

from farm.ledger import Job, JobState, Task
from farm.service.runs import Runs
from farm.storage import keys
from tests.chaos.training import add_photos, process_of, submit_run, weights_of
from tests.chaos.yard import Yard, members, open_yard, wait_for
from tests.services.process import ServiceMissing, lives, skip_or_fail
from tests.services.redis import running_redis

pytestmark = pytest.mark.timeout(900)
TOTAL_NIMG = 320
GONE_S = 10.0
"""How soon after any kill nothing may hold the device."""


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    """One worker, a dataset of eight photos, and the run `calm` that nobody disturbed."""
    try:
        with (
            running_redis() as redis,
            open_yard(tmp_path_factory.mktemp("farm"), redis=redis, told={"lease_s": 3.0}) as yard,
        ):
            yard.start_worker("easel")
            yard.wait_until_ready("easel")
            add_photos(yard)
            assert train(yard, "calm").state is JobState.DONE
            yield yard
    except ServiceMissing as error:
        skip_or_fail("redis", error)


def train(yard: Yard, run: str) -> Job:
    return yard.wait_until_ended(submit(yard, run), timeout_s=800)[0]


def submit(yard: Yard, run: str) -> int:
    """A run of one slice, a second or so long."""
    return submit_run(yard, run, total_nimg=TOTAL_NIMG, slice_nimg=TOTAL_NIMG)


def begin(yard: Yard, run: str) -> tuple[int, psutil.Process]:
    """A run whose first slice is training."""
    yard.wait_until_ready("easel")
    job_id = submit(yard, run)
    process = process_of(yard)
    wait_for("a step", lambda: any(task.units_done for task in yard.record(job_id)), timeout_s=240)
    return job_id, process


def let_go_when_draining(yard: Yard, process: psutil.Process) -> None:
    """The training process stands still until its worker has been told to end and has told it: however fast it is."""
    wait_for("the drain", lambda: any(worker.draining for worker in yard.ledger.workers()))
    time.sleep(4 * yard.settings.beat_s)
    process.resume()


def open_task(yard: Yard, job_id: int) -> Task:
    return next(task for task in yard.record(job_id) if task.state in ("pending", "running", "done"))


def check_same_as_calm(yard: Yard, job_id: int, run: str) -> None:
    assert yard.wait_until_ended(job_id, timeout_s=800)[0].state is JobState.DONE, yard.report(job_id)
    assert weights_of(yard, run, TOTAL_NIMG) == weights_of(yard, "calm", TOTAL_NIMG)


def test_a_killed_training_process_is_a_failure_and_the_same_weights(farm: Yard) -> None:
    job_id, process = begin(farm, "slice-killed")
    process.kill()
    wait_for("the failure", lambda: open_task(farm, job_id).failures == 1)
    assert "signal 9" in (open_task(farm, job_id).error or "")
    check_same_as_calm(farm, job_id, "slice-killed")


def test_a_killed_child_takes_its_training_process_with_it(farm: Yard) -> None:
    job_id, process = begin(farm, "child-killed")
    farm.workers["easel"].child().kill()
    wait_for("the training process to end", lambda: not lives(process), timeout_s=GONE_S)
    check_same_as_calm(farm, job_id, "child-killed")
    assert sum(task.losses for task in farm.record(job_id)) >= 1


def test_a_killed_worker_leaves_nothing_behind(farm: Yard) -> None:
    job_id, process = begin(farm, "parent-killed")
    worker = farm.workers["easel"]
    worker.kill_parent()
    wait_for("the whole session to end", lambda: not members(worker.process.pid), timeout_s=GONE_S)
    assert not lives(process)
    farm.start_worker("easel")
    check_same_as_calm(farm, job_id, "parent-killed")
    assert sum(task.losses for task in farm.record(job_id)) >= 1


def test_a_drained_worker_keeps_its_checkpoint_and_counts_nothing(farm: Yard) -> None:
    job_id, process = begin(farm, "drained")
    process.suspend()
    letting_go = threading.Thread(target=let_go_when_draining, args=(farm, process))
    letting_go.start()
    took_s = farm.workers["easel"].stop()
    letting_go.join(300)
    assert not lives(process)
    assert took_s < farm.settings.shutdown_s + 5, "a stopping worker has ten seconds and one micro-batch"
    assert 0 < farm.ledger.run("drained").nimg < TOTAL_NIMG
    # Another machine: nothing of this one's cache.
    shutil.rmtree(farm.settings.home / "cache")
    farm.start_worker("easel")
    check_same_as_calm(farm, job_id, "drained")
    assert all(task.losses == task.failures == 0 for task in farm.record(job_id))


def test_a_cancelled_run_frees_the_device(farm: Yard) -> None:
    job_id, process = begin(farm, "cancelled")
    process.suspend()
    farm.ledger.cancel(job_id)
    process.resume()
    wait_for("the training process to end", lambda: not lives(process), timeout_s=GONE_S)
    assert farm.ledger.get_job(job_id).state is JobState.CANCELLED
    assert farm.storage.head(keys.run_config("cancelled")) is not None


def test_a_paused_run_leaves_its_checkpoint_in_the_middle_of_a_slice_and_goes_on(farm: Yard) -> None:
    farm.wait_until_ready("easel")
    job_id = submit(farm, "paused")
    process = process_of(farm)
    # Before the first step all that decides the run is written.
    assert farm.storage.head(keys.run_config("paused")) is not None
    assert not any(task.units_done for task in farm.record(job_id))
    wait_for("a step", lambda: any(task.units_done for task in farm.record(job_id)), timeout_s=240)
    process.suspend()
    farm.ledger.pause(job_id)
    time.sleep(4 * farm.settings.beat_s)
    process.resume()
    wait_for("the training process to end", lambda: not lives(process), timeout_s=GONE_S)
    wait_for("its checkpoint", lambda: farm.ledger.run("paused").nimg)
    assert farm.ledger.run("paused").nimg < TOTAL_NIMG
    assert farm.ledger.get_job(job_id).state is JobState.PAUSED
    farm.ledger.resume(job_id)
    farm.wait_until_ready("easel")
    check_same_as_calm(farm, job_id, "paused")


def test_a_run_that_is_stopped_is_done_and_goes_into_a_cascade(farm: Yard) -> None:
    job_id, process = begin(farm, "stopped")
    process.suspend()
    runs = Runs(ledger=farm.ledger, storage=farm.storage)
    stopping = threading.Thread(target=lambda: runs.stop("stopped"))
    stopping.start()
    wait_for("the pause", lambda: farm.ledger.get_job(job_id).state is JobState.PAUSED)
    time.sleep(4 * farm.settings.beat_s)
    process.resume()
    stopping.join(300)
    run, job = farm.ledger.run("stopped"), farm.ledger.get_job(job_id)
    assert (job.state, job.done) == (JobState.DONE, job.total)
    assert 0 < run.nimg == job.total < TOTAL_NIMG
    assembled = farm.submit({"kind": "assemble", "cascade": "early", "runs": ["stopped"]})
    assert farm.wait_until_ended(assembled)[0].state is JobState.DONE


def test_nothing_was_left_running(farm: Yard) -> None:
    session = farm.workers["easel"].process.pid
    farm.workers["easel"].stop()
    wait_for("the whole session to end", lambda: not members(session), timeout_s=GONE_S)
