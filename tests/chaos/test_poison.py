"""Portraits that raise, kill or hang their worker, and workers that break, stop or stall: the record of real ones."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from farm.ledger import Job, JobState, Task
from tests.chaos.yard import TOY, Yard, open_yard, wait_for
from tests.services.process import ServiceMissing, skip_or_fail
from tests.services.redis import running_redis

STALL_S = 2.0
LIMIT_S = 7.0
"""The parent's hard limit of a ticket, here."""


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    """Two toy workers on one machine."""
    told = {"stall_s": STALL_S, "ticket_limit_s": LIMIT_S}
    try:
        with (
            running_redis() as redis,
            open_yard(tmp_path_factory.mktemp("poison"), redis=redis, app=TOY, told=told) as opened,
        ):
            for name in ("north", "south"):
                opened.start_worker(name)
            opened.wait_until_ready("north", "south")
            yield opened
    except ServiceMissing as error:
        skip_or_fail("redis", error)


def submitted(yard: Yard, count: int, **spec: object) -> int:
    told = {"kind": "render", "size_px": 64, "cascade": f"{time.monotonic_ns():064x}", **spec}
    job_id = yard.ledger.submit(told, kind="render", ranges=[(0, count)])[0].id
    with yard.opened() as service:
        service.dispatcher.nudge()
    return job_id


def ended(yard: Yard, job_id: int) -> Job:
    return yard.wait_until_ended(job_id, timeout_s=240)[0]


def stored(yard: Yard, job_id: int) -> list[str]:
    return [info.key for info in yard.storage.list(f"toy/{job_id}/")]


def holder(yard: Yard, job_id: int, name: str) -> Task | None:
    running = (task for task in yard.record(job_id) if task.state == "running" and task.worker == name)
    return next(running, None)


def both_work(yard: Yard, **spec: object) -> None:
    """Until neither worker is still coming back from what the test before did to it."""

    def shared() -> bool:
        job_id = submitted(yard, 24, unit_s=0.05, **spec)
        ended(yard, job_id)
        return {"north", "south"} <= {task.worker for task in yard.record(job_id)}

    wait_for("both workers", shared, timeout_s=240)


def log(yard: Yard, job_id: int) -> str:
    return "\n".join(line.text for line in yard.ledger.job_log(job_id, limit=1000))


@pytest.mark.parametrize(
    ("how", "says", "tries"),
    [("fail", "unit 5 is bad", 2), ("crash", "fell silent", 3), ("hang", f"no progress for {STALL_S:g} s", 2)],
)
def test_a_seed_that_breaks_its_worker_is_found_and_its_neighbours_all_come_out(
    yard: Yard, how: str, says: str, tries: int
) -> None:
    yard.wait_until_ready("north", "south")
    job_id = submitted(yard, 16, unit_s=0.02, **{how: [5]})
    job = ended(yard, job_id)
    assert (job.state, job.done, job.failed) == (JobState.DONE, 15, 1), yard.report(job_id)
    [failure] = yard.ledger.failures_of(job_id)
    assert failure.unit == 5
    assert failure.attempts >= tries
    assert says in failure.error
    assert {key.split("/")[-1].split(".")[0] for key in stored(yard, job_id)} == {
        f"{unit:06d}" for unit in range(16) if unit != 5
    }


def test_a_stopped_workers_tail_goes_to_the_idle_one_and_then_its_lease_is_lost(yard: Yard) -> None:
    both_work(yard)
    # So few units that the idle one is through with all the others before the stopped one's lease is over.
    job_id = submitted(yard, 16, unit_s=0.2, cascade="6" * 64)
    held = wait_for("north to be at work", lambda: holder(yard, job_id, "north"))
    north = yard.workers["north"].child()
    north.suspend()
    try:
        job = ended(yard, job_id)
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):  # its parent's hard limit may have ended it
            north.resume()
    assert (job.state, job.done, job.failed) == (JobState.DONE, 16, 0)
    tasks = [task for task in yard.record(job_id) if task.kind == "render"]
    within = [task for task in tasks if task.worker == "south" and held.lo < task.lo < held.hi]
    assert within, f"nothing of {held} went to south: {tasks}"
    assert any(task.losses for task in tasks), "the stopped worker kept its lease"
    assert "lost: north fell silent" in log(yard, job_id)
    yard.wait_until_ready("north")


def test_a_device_that_hangs_with_the_interpreters_lock_costs_a_lease_and_ends_at_the_hard_limit(yard: Yard) -> None:
    both_work(yard)
    frozen = yard.workers["north"].child()
    job_id = submitted(yard, 40, unit_s=0.1, freeze="north")
    wait_for("north to be at work", lambda: holder(yard, job_id, "north"))
    began_s = time.monotonic()
    job = ended(yard, job_id)
    assert (job.state, job.done, job.failed) == (JobState.DONE, 40, 0), yard.report(job_id)
    assert "lost: north fell silent" in log(yard, job_id)
    # Neither beat nor signal reaches such a process: its parent kills it when the ticket is as old as it may be.
    wait_for("the frozen child's end", lambda: not frozen.is_running())
    assert time.monotonic() - began_s < 60
    yard.wait_until_ready("north")


def test_a_retry_does_again_only_what_failed(yard: Yard, tmp_path: Path) -> None:
    yard.wait_until_ready("north", "south")
    switch = tmp_path / "broken"
    switch.touch()
    job_id = submitted(yard, 30, unit_s=0.01, fail=[3, 17], fail_while=str(switch))
    assert (ended(yard, job_id).failed, len(stored(yard, job_id))) == (2, 28)
    before = set(stored(yard, job_id))
    switch.unlink()
    with yard.opened() as service:
        assert service.retry(job_id) == 2
    job = ended(yard, job_id)
    assert (job.state, job.done, job.failed) == (JobState.DONE, 30, 0)
    again = set(stored(yard, job_id)) - before
    assert sorted(key.split("/")[-1].split(".")[0] for key in again) == ["000003", "000017"]
    assert yard.ledger.failures_of(job_id) == []


def test_a_worker_that_fails_what_others_complete_is_put_on_leave(yard: Yard) -> None:
    yard.wait_until_ready("north", "south")
    broken = yard.start_worker("broken", environment={"TOY_BROKEN": "1"})
    yard.wait_until_ready("broken")
    jobs = [submitted(yard, 40, unit_s=0.05) for _ in range(6)]

    def on_leave() -> bool:
        if all(yard.ledger.get_job(job_id).state is JobState.DONE for job_id in jobs):
            jobs.append(submitted(yard, 40, unit_s=0.05))
        found = next(each for each in yard.ledger.workers() if each.name == "broken")
        return (found.leave_until or 0) > yard.ledger.now()

    wait_for("the broken worker's leave", on_leave, timeout_s=240)
    for job in yard.wait_until_ended(*jobs, timeout_s=240):
        assert (job.state, job.failed) == (JobState.DONE, 0), "what one broken worker failed on is nobody's failure"
    broken.stop()
    del yard.workers["broken"]
