"""farm evaluate, compare and certify on a farm whose worker is a toy: what is asked, what is told, exit codes; at home
and from afar, where a key sees only its own jobs."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from farm.api.app import create_app
from farm.ledger import Role
from farm.service import Service
from farm.settings import Settings
from farm.storage import keys
from tests.farm.api.conftest import served
from tests.farm.cli.conftest import Farm
from tests.farm.stocking import add_cascade, add_dataset, to_json, work_off

GROUND = {
    "title": "demo@1", "portraits": 60, "size_px": 32, "photos": 24, "people": 24, "against": "studio@1",
    "split": "all", "warnings": ["only 24 photos of 24 people"], "report": "jobs/3/report.html",
}  # fmt: skip
FIGURES = [{"name": "kid", "value": 1.25, "interval": [1.0, 1.5], "null": [-0.5, 0.25], "words": "of it all"}]
FIGURE = {
    "name": "kid", "primary": True, "a": 1.0, "b": 2.0, "theta": -1.0, "low": -1.5, "high": -0.5, "p_adjusted": 0.001,
    "smallest_visible": None,
}  # fmt: skip
PAIR = {
    "a": "demo@1", "b": "job 2", "outcome": "worse", "sentence": "job 2 is worse than demo@1.", "figures": [FIGURE],
    "warnings": ["a smoke test"],
}  # fmt: skip
ROWS = [
    {"seed": "7", "distance": 2.5, "ratio": 0.5, "verdict": "too near", "photo": "ab" * 32},
    {"seed": "3", "distance": 9.0, "ratio": 1.8, "verdict": "apart", "photo": "cd" * 32},
]
CERTIFIED = {"portraits": ROWS, "too_near": 1, "threshold": 5.0, "against": "studio@1"}


@pytest.fixture
def stocked(service: Service) -> Service:
    add_cascade(service)
    add_dataset(service, photos=24)
    return service


@pytest.fixture(params=["here", "from afar"])
def asked(
    request: pytest.FixtureRequest, farm: Farm, settings: Settings, stocked: Service, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Farm]:  # fmt: skip
    if request.param == "here":
        yield farm
        return
    with served(create_app(settings.model_copy(update={"tick_s": 3600.0}))) as address:
        monkeypatch.setenv("FARM_HOME", str(tmp_path / "elsewhere"))
        monkeypatch.setenv("FARM_API_URL", address)
        monkeypatch.setenv("FARM_API_KEY", stocked.ledger.create_key("ann", Role.ARTIST)[1])
        yield farm


def newest(service: Service) -> int:
    return service.jobs(limit=1)[0].job.id


def test_an_evaluation_is_asked_for_and_its_table_shown_again(asked: Farm, stocked: Service) -> None:
    said = asked(
        "evaluate", "demo", "--against", "studio", "--all-splits", "--portraits", "60", "--size", "32", "--no-wait"
    )
    assert said.code == 0, said.err
    job_id = newest(stocked)
    spec = stocked.job(job_id).job.spec
    assert (spec["of"], spec["split"], spec["portraits"], spec["size_px"]) == ("demo", "all", 60, 32)
    assert spec["photos"]["dataset"] == "studio@1"
    work_off(stocked)
    stocked.storage.put(keys.evaluation(job_id), to_json(GROUND | {"figures": FIGURES}))
    told = asked("evaluate", str(job_id))
    assert told.code == 0, told.err
    for words in ("60 portraits at 32 px against 24 photos of 24 people", "note: only 24", "1.25", "1 … 1.5", "report"):
        assert words in told.out
    assert json.loads(asked("evaluate", str(job_id), "--json").out)["figures"] == FIGURES


def test_a_verdict_is_told_in_words_and_figures(asked: Farm, stocked: Service) -> None:
    said = asked("compare", "demo", "demo", "--seeds", "0,9", "--against", "studio", "--all-splits", "--no-wait")
    assert said.code == 0, said.err
    job_id = newest(stocked)
    assert stocked.job(job_id).job.spec["seeds"] == [0, 9]
    work_off(stocked)
    stocked.storage.put(keys.verdict(job_id), to_json(GROUND | {"pairs": [PAIR]}))
    told = asked("compare", str(job_id))
    for words in ("job 2 against demo@1: worse", "job 2 is worse than demo@1.", "kid *", "-1.5 … -0.5", "a smoke test"):
        assert words in told.out


def test_certificates_come_into_a_folder_and_one_too_near_ends_with_1(
    asked: Farm, stocked: Service, tmp_path: Path
) -> None:
    assert asked("render", "demo", "--seeds", "0..9", "--size", "32").code == 0
    rendered = newest(stocked)
    work_off(stocked)
    assert asked("certify", str(rendered), "--against", "studio", "--no-wait").code == 0
    job_id = newest(stocked)
    work_off(stocked)
    stocked.storage.put(keys.certificates(job_id), to_json(CERTIFIED))
    for seed in (7, 3):
        for kind in ("json", "jpg"):
            stocked.storage.put(keys.certificate(job_id, seed, kind), f"{seed} {kind}".encode())
    told = asked("certify", str(job_id), "--out", str(tmp_path / "out"))
    assert told.code == 1
    assert "1 too near" in told.out
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["3.jpg", "3.json", "7.jpg", "7.json", "contact.jpg"]


def test_what_is_wrong_is_told_by_the_options_names(asked: Farm, stocked: Service) -> None:
    said = asked("evaluate", "nobody", "--against", "nothing", "--portraits", "60")
    assert said.code == 2
    assert "  WHAT: nothing is called 'nobody'" in said.err
    assert "  --against: no dataset 'nothing'" in said.err
    assert "--against: say which dataset" in asked("compare", "demo", "demo").err
    assert stocked.jobs(kind="evaluate") == []


def test_a_key_sees_no_job_of_another_name_through_an_evaluation(
    farm: Farm, settings: Settings, stocked: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = stocked.submit({"kind": "render", "cascade": "demo", "seeds": "0..59", "size_px": 32}).job.id
    work_off(stocked)
    with served(create_app(settings.model_copy(update={"tick_s": 3600.0}))) as address:
        monkeypatch.setenv("FARM_HOME", str(tmp_path / "elsewhere"))
        monkeypatch.setenv("FARM_API_URL", address)
        monkeypatch.setenv("FARM_API_KEY", stocked.ledger.create_key("ann", Role.ARTIST)[1])
        for command in (
            ("evaluate", f"job:{foreign}"),
            ("compare", "demo", f"job:{foreign}"),
            ("certify", str(foreign)),
        ):
            said = farm(*command, "--against", "studio", "--no-wait")
            assert (said.code, f"there is no job {foreign}" in said.err) == (2, True), said


def test_an_extractor_that_is_no_network_is_told_by_its_file(asked: Farm, tmp_path: Path) -> None:
    picture = tmp_path / "eyes.onnx"
    picture.write_bytes(b"\xff\xd8\xff not a network")

    said = asked("evaluate", "demo", "--against", "studio", "--extractor", str(picture))

    assert said.code == 2 and f"--extractor: {picture} is no ONNX network" in " ".join(said.err.split())
