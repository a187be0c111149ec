"""farm logs, and how one finds the task to ask for."""

import json
import threading
import time

import pytest

from farm.cli import logs as command
from farm.ledger.rows import Claim, Progress, Said
from farm.service import Service
from tests.farm.api.test_numbers_and_logs import EASEL
from tests.farm.cli.conftest import Farm

TRACE = "failed at 0: ValueError: no\nTraceback (most recent call last):\nValueError: no"


def claimed(service: Service, *lines: str) -> Claim:
    """A running task that said these lines, of a new job."""
    ledger = service.ledger
    ledger.submit({"kind": "render"}, kind="render", ranges=[(0, 4)])
    ledger.register_worker(EASEL)
    claim = ledger.claim("easel", ("render",))
    assert claim is not None
    said = tuple(Said(seq=seq, ago_s=0.0, level="info", text=text) for seq, text in enumerate(lines))
    ledger.beat(claim.task_id, claim.attempt, Progress(cursor=0, said=said))
    return claim


def test_a_job_and_a_task_show_what_was_said(farm: Farm, service: Service) -> None:
    claim = claimed(service, "render job=1", TRACE)
    told = farm("logs", str(claim.job_id)).out.splitlines()
    assert [line[20:] for line in told] == [
        f" INFO task={claim.task_id} attempt=1: render job=1",
        f" INFO task={claim.task_id} attempt=1: failed at 0: ValueError: no",
        told[2][20:],
        told[3][20:],
    ]
    assert told[2:] == ["  | Traceback (most recent call last):", "  | ValueError: no"]
    assert farm("logs", "--task", str(claim.task_id)).out.splitlines() == told
    as_json = [json.loads(line) for line in farm("logs", str(claim.job_id), "--json").out.splitlines()]
    assert [line["text"] for line in as_json] == ["render job=1", TRACE]


def test_every_page_is_shown(farm: Farm, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "PAGE", 3)
    claim = claimed(service, *map(str, range(8)))
    assert [line.rsplit(" ", 1)[1] for line in farm("logs", str(claim.job_id)).out.splitlines()] == list("01234567")


def test_following_goes_on_until_the_task_ends(farm: Farm, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "POLL_S", 0.01)
    claim = claimed(service, "first")

    def end_it() -> None:
        time.sleep(0.2)
        last = Progress(cursor=4, said=(Said(seq=1, ago_s=0.0, level="info", text="last"),))
        service.ledger.finish(claim.task_id, claim.attempt, last)

    thread = threading.Thread(target=end_it)
    thread.start()
    told = farm("logs", "--task", str(claim.task_id), "--follow").out.splitlines()
    thread.join()
    assert [line.rsplit(" ", 1)[1] for line in told] == ["first", "last"]


def test_a_silent_job_and_wrong_numbers_are_told(farm: Farm, service: Service) -> None:
    service.ledger.submit({"kind": "render"}, kind="render", ranges=[(0, 4)])
    assert "nothing was said yet" in farm("logs", "1").out
    assert (farm("logs", "7").code, farm("logs", "--task", "7").err) == (2, "farm: there is no task 7\n")
    for arguments in ((), ("1", "--task", "1")):
        assert "name a job, or one task with --task" in farm("logs", *arguments).err


def test_showing_a_job_names_its_running_tasks_and_the_command_for_their_logs(farm: Farm, service: Service) -> None:
    claim = claimed(service, "first")
    told = farm("jobs", str(claim.job_id)).out
    assert f"task {claim.task_id} (render 0..3) running, attempt 1 on easel: `farm logs --task {claim.task_id}`" in told
    assert f"`farm logs {claim.job_id}` shows what its tasks said" in told
