"""A worker whose clock is minutes off: the database's clock says when a lease ends, and the doctor names the skew."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from farm.ledger import Task
from farm.settings import child_environment
from tests.chaos.farms import clock_ahead
from tests.chaos.yard import TOY, Yard, open_yard, wait_for
from tests.services.redis import RedisServer

SKEW_S = 300
UNITS = 400


@pytest.fixture
def ahead(tmp_path: Path) -> dict[str, str]:
    """Variables of a process that lives five minutes ahead."""
    return clock_ahead(SKEW_S, tmp_path / "ahead")


@pytest.mark.needs_postgres
def test_a_worker_five_minutes_ahead_neither_takes_nor_loses_a_lease(
    redis_server: RedisServer, postgres_url: str, tmp_path: Path, ahead: dict[str, str]
) -> None:
    with open_yard(tmp_path / "farm", redis=redis_server, ledger_url=postgres_url, app=TOY) as yard:
        # Given one worker ahead of the other and of the database, and work for both
        yard.start_worker("early", environment=ahead)
        yard.start_worker("other")
        yard.wait_until_ready("early", "other")
        spec = {"kind": "render", "size_px": 64, "unit_s": 0.05}
        job = yard.ledger.submit(spec, kind="render", ranges=[(0, UNITS)])[0]
        lost = wait_for("the other to work beside it", lambda: held_by(yard, job.id, "other", beside="early"))
        # When the other one is killed
        began_s = time.monotonic()
        child = yard.workers["other"].child()
        yard.workers["other"].kill_parent()
        child.kill()
        wait_for("the lost lease", lambda: now(yard, lost).losses)
        # Then its lease lasted as long as leases last, and nobody else lost any
        assert time.monotonic() - began_s < SKEW_S / 2
        [ended] = yard.wait_until_ended(job.id)
        assert (ended.done, ended.failed) == (UNITS, 0)
        assert [task.id for task in yard.record(job.id) if task.losses] == [lost.id]
        check_skew_is_named(yard, ahead)


def held_by(yard: Yard, job_id: int, name: str, *, beside: str) -> Task | None:
    """The task this worker works on, while the other one has one too."""
    running = {task.worker: task for task in yard.record(job_id) if task.state == "running"}
    return running.get(name) if beside in running else None


def now(yard: Yard, task: Task) -> Task:
    return next(each for each in yard.record(task.job_id) if each.id == task.id)


def check_skew_is_named(yard: Yard, ahead: dict[str, str]) -> None:
    """`farm doctor` on the machine whose clock is wrong."""
    program = "import sys; from farm.cli.main import main; main(['doctor'])"
    told = {**child_environment(yard.settings), **ahead}
    done = subprocess.run(
        [sys.executable, "-c", program], env=told, capture_output=True, text=True, timeout=120, check=False
    )
    assert f"{SKEW_S} s ahead of the database's clock" in done.stdout, done.stdout + done.stderr
    assert "NTP" in done.stdout
    assert done.returncode != 0
