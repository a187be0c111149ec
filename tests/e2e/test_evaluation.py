"""An evaluation on a farm that is up: its worker is killed in the middle, and it says what it would have said."""

import json
import shutil
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.e2e.conftest import JOB_S, RunningFarm, family

DEMO = Path(__file__).parents[2] / "deploy/demo"
SPEC = {"kind": "evaluate", "of": "demo", "against": "studio", "split": "all", "size_px": 64, "portraits": 192}


@pytest.mark.timeout(900)
def test_an_evaluation_survives_its_worker_and_says_the_same(running: RunningFarm) -> None:
    # Given photographs and a cascade
    running.cli("dataset", "add", "studio", str(DEMO / "photos"), "--wait")
    running.cli("cascade", "import", "demo", str(DEMO / "cascade/demo.cascade"), "--wait")

    # When the worker is killed while it paints
    job = running.api.post("/v1/jobs", json=SPEC)
    kept = running.home / "objects/evaluations/features"
    _until(lambda: len(list(kept.rglob("*.safetensors"))) >= 2)
    _kill_children(running)
    _until(lambda: running.api.get(f"/v1/jobs/{job['id']}")["state"] == "done")

    # Then the fault took effect, and the figures are those of an evaluation that nothing happened to
    tasks = running.api.get(f"/v1/jobs/{job['id']}/tasks")["tasks"]
    assert sum(task["losses"] for task in tasks) >= 1, running.logs()
    survived = _evaluation(running, job["id"])
    shutil.rmtree(running.home / "objects/evaluations")
    told = running.cli(
        "evaluate", "demo", "--against", "studio", "--all-splits", "--size", "64", "--portraits", "192", "--json"
    )
    whole: dict[str, Any] = json.loads(told)
    assert survived == {**whole, "job": survived["job"], "report": survived["report"]}
    assert "photos against photos" in running.cli("evaluate", str(whole["job"]))


def _evaluation(farm: RunningFarm, job_id: int) -> dict[str, Any]:
    told: dict[str, Any] = farm.api.get(f"/v1/jobs/{job_id}/evaluation")
    assert json.loads((farm.home / f"objects/jobs/{job_id}/evaluation.json").read_bytes()) == told
    return told


def _kill_children(farm: RunningFarm) -> None:
    """The processes that hold torch: children of a worker's Celery parent."""
    found = [each for each in family(farm.process) if "spawn_main" in " ".join(each.cmdline())]
    assert found
    for each in found:
        try:
            each.kill()
        except psutil.NoSuchProcess:
            continue


def _until(there: Any) -> None:
    deadline_s = time.monotonic() + JOB_S
    while not there():
        assert time.monotonic() < deadline_s
        time.sleep(0.1)
