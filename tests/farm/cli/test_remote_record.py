"""Logs, stars, deleting and verifying at a farm elsewhere, with nothing but its address and a key."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from farm.api.app import create_app
from farm.ledger import Role
from farm.ledger.rows import Progress, Said
from farm.service import Service
from farm.settings import Settings
from farm.storage import keys
from tests.farm.api.conftest import served
from tests.farm.api.test_verify_api import ROW
from tests.farm.cli.conftest import Farm
from tests.farm.stocking import DIGEST, add_cascade, to_json, toy_worker, work_off


@pytest.fixture
def away(
    farm: Farm, settings: Settings, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Farm]:
    """The `farm` command of an admin on another machine."""
    add_cascade(service)
    with served(create_app(settings.model_copy(update={"tick_s": 3600.0}))) as address:
        monkeypatch.setenv("FARM_HOME", str(tmp_path / "elsewhere"))
        monkeypatch.setenv("FARM_API_URL", address)
        monkeypatch.setenv("FARM_API_KEY", service.ledger.create_key("boss", Role.ADMIN)[1])
        yield farm


def rendered(away: Farm, service: Service) -> str:
    """The number of a render job of five portraits that is done."""
    assert away("render", "demo", "--seeds", "0..4", "--size", "32").code == 0
    work_off(service)
    [view] = service.jobs(kind="render")
    return str(view.job.id)


def test_what_tasks_said_is_read_from_afar(away: Farm, service: Service) -> None:
    away("render", "demo", "--seeds", "0..4", "--size", "32")
    name = toy_worker(service.ledger)
    claim = service.ledger.claim(name, ("render",))
    assert claim is not None
    said = (Said(seq=0, ago_s=0.0, level="warning", text="the paint is wet"),)
    service.ledger.beat(claim.task_id, claim.attempt, Progress(cursor=0, said=said))

    told = away("logs", str(claim.job_id))
    assert told.out.endswith(f"WARNING task={claim.task_id} attempt=1: the paint is wet\n")
    assert away("logs", "--task", str(claim.task_id)).out == told.out
    assert "--follow" in away("logs", "--task", str(claim.task_id), "--follow").err
    assert "there is no job 99" in away("logs", "99").err


def test_stars_are_given_and_a_job_is_deleted_from_afar(away: Farm, service: Service) -> None:
    job = rendered(away, service)
    assert away("star", job, "3").out == f"seed 3 of job {job} is starred: no `farm gc` removes it\n"
    assert [view.seed for view in service.portraits(int(job)).portraits if view.stored and view.stored.starred] == [3]
    assert away("unstar", job, "3").code == 0
    assert "is deleted" in away("delete", job).out
    assert "there is no job 99" in away("delete", "99").err


def test_portraits_are_verified_from_afar(away: Farm, service: Service) -> None:
    job = rendered(away, service)
    done = threading.Event()

    def working() -> None:
        while not done.wait(0.05):
            work_off(service)

    worker = threading.Thread(target=working)
    # The result lies there before the job is done: the toy worker does not write it.
    number = int(job) + 1
    told = {"version": 1, "job": int(job), "cascade": DIGEST, "passed": False, "portraits": [ROW]}
    service.storage.put(keys.verification(number), to_json(told | {"tolerance_levels": 1.0}), if_absent=False)
    worker.start()
    try:
        said = away("verify", job, "--sample", "2")
    finally:
        done.set()
        worker.join()
    assert said.code == 1
    assert f"job {job}: 1 damaged" in said.out
