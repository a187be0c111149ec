"""farm estimate and farm failures; big jobs are told before they are taken, and scripts are never asked."""

import json
from pathlib import Path

import pytest

from farm.service import open_service
from farm.settings import Settings
from tests.farm.cli.conftest import Farm
from tests.farm.stocking import add_cascade, work_off


@pytest.fixture(autouse=True)
def _stocked(settings: Settings) -> None:
    with open_service(settings) as service:
        add_cascade(service)


def test_an_unknown_farm_says_what_would_let_it_tell(farm: Farm) -> None:
    said = farm("estimate", "demo", "--seeds", "0..99", "--size", "32")
    assert said.code == 0
    assert "100 portraits at 32 px" in said.out
    assert "farm render demo --seeds 0..7 --size 32" in said.out


def test_a_job_of_any_kind_comes_as_a_file(farm: Farm, tmp_path: Path) -> None:
    path = tmp_path / "job.json"
    path.write_text(json.dumps({"kind": "render", "cascade": "demo", "seeds": "0..9", "size_px": 16}))
    assert json.loads(farm("estimate", "--spec", str(path), "--json").out)["units"] == 10
    path.write_text("[1]")
    said = farm("estimate", "--spec", str(path))
    assert (said.code, "--spec" in said.err) == (2, True)
    assert farm("estimate", "demo", "--spec", str(path)).code == 2


def test_what_failed_is_told_with_its_recipe(farm: Farm, settings: Settings) -> None:
    with open_service(settings) as service:
        spec = {"kind": "render", "cascade": "demo", "seeds": "0..3", "size_px": 32}
        job_id = service.submit(spec).job.id
        work_off(service, bad=(2,))
    said = farm("failures", str(job_id), "--json")
    [failure] = json.loads(said.out)
    assert (failure["unit"], failure["recipe_json"]["latent_seed"]) == (2, "2")
    assert len(failure["recipe"]) == 64
    assert "farm retry" in farm("failures", str(job_id)).out


def test_no_failures_are_said_so_and_an_unknown_job_is_an_error(farm: Farm) -> None:
    assert farm("failures", "77").code == 2
