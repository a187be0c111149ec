"""A worker that truly runs out of memory, and a larger one that does what it could not: real processes, real torch."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from farm.ledger import JobState
from tests.chaos.yard import Yard, open_yard, wait_for
from tests.services.process import ServiceMissing, skip_or_fail
from tests.services.redis import running_redis
from tests.workers.cascade.tiny import random_objects

SMALL_PX, LARGE_PX = 128, 4096
ROOM_BYTES = 200_000_000
"""What the small worker has beyond what such a process takes at rest: enough for a small portrait, not for a large one,
which this cascade paints at 8192 px: 201 MB of pixels."""


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    """A farm with one worker, `large`, that has done nothing yet."""
    try:
        with running_redis() as redis, open_yard(tmp_path / "farm", redis=redis) as opened:
            opened.start_worker("large")
            opened.wait_until_ready("large")
            yield opened
    except ServiceMissing as error:
        skip_or_fail("redis", error)


def data_bytes(pid: int) -> int:
    """What the kernel counts against a limit of data."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith("VmData:")))


def rendered(yard: Yard, seeds: str, size_px: int) -> int:
    return yard.submit({"kind": "render", "cascade": "tiny", "seeds": seeds, "size_px": size_px})


def test_work_that_needs_more_memory_waits_for_a_larger_worker_and_is_nobodys_failure(yard: Yard) -> None:
    # Given a worker with room for small portraits only, alone
    limit = data_bytes(yard.workers["large"].child().pid) + ROOM_BYTES
    yard.import_cascade(random_objects(seed=7))
    yard.workers["large"].stop()
    yard.start_worker("small", environment={"FARM_MEMORY_BYTES": str(limit)})
    yard.wait_until_ready("small")
    registered = {each.name: each.memory_bytes or 0 for each in yard.ledger.workers()}
    assert registered["small"] == limit
    # When a large portrait is asked of it
    job_id = rendered(yard, "1", LARGE_PX)
    wait_for("the small worker to run out", lambda: "out of memory" in yard.workers["small"].says(), timeout_s=240)
    wait_for("its task to wait", lambda: [task.state for task in yard.record(job_id)] == ["pending"])
    # Then it goes on with what fits, and the large portrait waits without a failure
    [small] = yard.wait_until_ended(rendered(yard, "2..3", SMALL_PX))
    assert small.state is JobState.DONE
    [waiting] = yard.record(job_id)
    assert (waiting.state, waiting.failures, waiting.losses, waiting.attempt) == ("pending", 0, 0, 1)
    assert "too little memory" in (waiting.error or "")
    # And a larger worker that joins takes it
    yard.start_worker("large")
    yard.wait_until_ready("large")
    [job] = yard.wait_until_ended(job_id)
    assert (job.state, job.done, job.failed) == (JobState.DONE, 1, 0), yard.report(job_id)
    [done, _] = yard.record(job_id)
    assert (done.worker, done.attempt, done.failures) == ("large", 2, 0)
