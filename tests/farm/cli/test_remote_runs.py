"""Training runs at a farm elsewhere: what is told of them from afar is what is told at home."""

import json
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from farm.api.app import create_app
from farm.errors import Conflict
from farm.ledger import Outcome, Role, Slice
from farm.ledger.rows import Progress
from farm.ledger.states import JobState
from farm.service import Service
from farm.settings import Settings
from farm.storage import keys
from tests.farm.api.conftest import served
from tests.farm.cli.conftest import Farm
from tests.farm.stocking import QUEUES, add_cascade, add_dataset, to_json, toy_worker, work_off

SLICES = 12
"""More than one page of a log holds."""
SLICE_NIMG = 16
FIGURE = {"name": "KID", "value": 1.25, "low": 1.0, "high": 1.5, "unit": ""}


@pytest.fixture
def away(
    farm: Farm, settings: Settings, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Farm]:
    """The `farm` command of an artist on another machine."""
    add_dataset(service)
    monkeypatch.chdir(tmp_path)
    with served(create_app(settings.model_copy(update={"tick_s": 3600.0}))) as address:
        monkeypatch.setenv("FARM_HOME", str(tmp_path / "elsewhere"))
        monkeypatch.setenv("FARM_API_URL", address)
        monkeypatch.setenv("FARM_API_KEY", service.ledger.create_key("ann", Role.ARTIST)[1])
        yield farm


def train(away: Farm, name: str = "faces") -> None:
    asked = ("train", "base", name, "--dataset", "studio", "--preset", "smoke-base-16")
    told = away(*asked, "--images", str(SLICES * SLICE_NIMG), "--slice", str(SLICE_NIMG))
    assert told.code == 0, told.err


def train_slice(service: Service) -> Slice:
    """One slice as a worker does it, with all it leaves for people."""
    claim = service.ledger.claim(toy_worker(service.ledger), QUEUES)
    assert claim is not None and claim.kind == "train"
    run, start, attempt, end = claim.spec["run"], claim.cursor, claim.attempt, claim.hi
    lines = [{"event": "log", "nimg": nimg, "loss": nimg / 3} for nimg in (start + 8, end)]
    for key, body in {
        keys.slice_log(run, start, attempt): "".join(json.dumps(line) + "\n" for line in lines).encode(),
        keys.slice_events(run, start, attempt): b"events",
        keys.slice_figures(run, end, attempt): to_json({"figures": [FIGURE]}),
        keys.run_film(run, end, attempt): b"a film",
        keys.run_page(run, end, attempt): f"<p>{end}</p>".encode(),
        keys.run_config(run): to_json({"run": {"seed": 0}, "stages_before": []}),
    }.items():
        service.storage.put(key, body, if_absent=False)
    prefix = keys.checkpoint(run, start, attempt)
    made = Slice(
        run=run, start_nimg=start, end_nimg=end, attempt=attempt, checkpoint_prefix=prefix, metrics={"loss": 1.0}
    )
    assert service.ledger.finish(claim.task_id, attempt, Progress(cursor=end), Outcome(slice=made)).owned
    return made


def both(away: Farm, monkeypatch: pytest.MonkeyPatch, settings: Settings, words: Sequence[str]) -> str:
    """What a command says from afar, which is what it says on the farm's own machine."""
    afar = away("train", *words)
    with monkeypatch.context() as home:
        home.delenv("FARM_API_URL")
        home.setenv("FARM_HOME", str(settings.home))
        assert away("train", *words) == afar
    assert afar.code == 0, afar.err
    return str(afar.out)


def test_what_a_run_left_is_told_from_afar_as_at_home(
    away: Farm, service: Service, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(away)
    for _ in range(SLICES):
        train_slice(service)
    assert "faces" in both(away, monkeypatch, settings, ["list"])
    assert "smoke-base-16" in both(away, monkeypatch, settings, ["list", "--json"])
    assert "  seed: 0\n" in both(away, monkeypatch, settings, ["show", "faces"])
    assert json.loads(both(away, monkeypatch, settings, ["show", "faces", "--json"]))["nimg"] == SLICES * SLICE_NIMG
    lines = [json.loads(line) for line in both(away, monkeypatch, settings, ["log", "faces", "--json"]).splitlines()]
    assert [line["nimg"] for line in lines] == list(range(8, SLICES * SLICE_NIMG + 1, 8))
    assert "1.25" in both(away, monkeypatch, settings, ["compare", "faces"])
    assert json.loads(both(away, monkeypatch, settings, ["compare", "--json"]))[0]["figures"] == [FIGURE]
    assert "events/faces: 12 files" in both(away, monkeypatch, settings, ["tensorboard", "faces", "--to", "events"])


def test_pages_films_and_events_are_fetched_from_afar(away: Farm, service: Service, tmp_path: Path) -> None:
    train(away)
    assert "no film yet" in away("train", "film", "faces").err
    assert "no slice yet" in away("train", "report", "faces").err
    train_slice(service)
    assert away("train", "report", "faces").code == 0
    assert (tmp_path / "faces.html").read_bytes() == b"<p>16</p>"
    assert away("train", "film", "faces").code == 0
    assert (tmp_path / "faces.mp4").read_bytes() == b"a film"
    assert away("train", "tensorboard", "faces").code == 0
    assert [path.read_bytes() for path in (tmp_path / "tensorboard/faces").iterdir()] == [b"events"]
    assert "there is no run 'nobody'" in away("train", "compare", "nobody").err
    assert "there is no run" in away("train", "tensorboard", "nobody").err
    assert not (tmp_path / "elsewhere/ledger.sqlite").exists()


def test_a_log_is_followed_to_the_runs_end_from_afar(
    away: Farm, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("farm.service.runs.POLL_S", 0.05)
    train(away)
    train_slice(service)
    working = threading.Timer(0.5, lambda: [train_slice(service) for _ in range(SLICES - 1)])
    working.start()
    told = away("train", "log", "faces", "--follow", "--json")
    working.join()
    assert len(told.out.splitlines()) == 2 * SLICES


def test_a_run_is_stopped_from_afar_by_its_owner_alone(
    away: Farm, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(away)
    assert "has no checkpoint yet" in away("train", "stop", "faces").err
    service.ledger.resume(service.ledger.run("faces").job_id)
    train_slice(service)
    with monkeypatch.context() as another:
        another.setenv("FARM_API_KEY", service.ledger.create_key("bob", Role.ARTIST)[1])
        assert "there is no job" in away("train", "stop", "faces").err
    # A slice is being trained: its checkpoint is waited for
    monkeypatch.setattr("farm.service.stopping.POLL_S", 0.05)
    claim = service.ledger.claim(toy_worker(service.ledger), QUEUES)
    assert claim is not None
    back = Progress(cursor=claim.cursor)
    told = threading.Timer(0.5, lambda: service.ledger.release(claim.task_id, claim.attempt, back))
    told.start()
    said = away("train", "stop", "faces")
    told.join()
    assert "its slice writes its checkpoint" in said.out
    assert "run faces is done at 16 images" in said.out
    assert "was done before, at 16 images" in away("train", "stop", "faces").out


@pytest.mark.parametrize("name", ["../jobs", "x/../../jobs/1", "a b", "x?y", "", "..", "ü"])
def test_a_name_that_none_can_have_leads_nowhere_from_afar(away: Farm, name: str) -> None:
    for verb in ("show", "log", "film", "report", "stop"):
        told = away("train", verb, name)
        assert (told.code, f"there is no run {name}".strip() in told.err) == (2, True)


@pytest.mark.parametrize("name", ["../runs", "nobody", "a b", "x?y", "..", "x@y", "../runs@1", "studio@7"])
def test_a_wrong_name_is_told_from_afar_as_at_home(
    away: Farm, settings: Settings, service: Service, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    admin = service.ledger.create_key("eve", Role.ADMIN)[1]
    asked = [("dataset", verb, name) for verb in ("show", "reverdict")]
    asked += [("dataset", "report", name, "--out", "report.html"), ("dataset", "compare", name, "studio")]
    asked += [("dataset", "review", name, "--export"), ("keys", "share", name, "2")]
    for words in asked:
        monkeypatch.setenv("FARM_API_KEY", admin)
        far = away(*words)
        with monkeypatch.context() as home:
            home.delenv("FARM_API_URL")
            home.setenv("FARM_HOME", str(settings.home))
            near = away(*words)
        assert (far.code, far.err) == (near.code, near.err), words
        assert far.code == 2 and far.err


def test_only_trainings_are_stopped(away: Farm, service: Service) -> None:
    add_cascade(service)
    job_id = service.submit({"kind": "render", "cascade": "demo", "seeds": "0..4", "size_px": 32}).job.id
    with pytest.raises(Conflict):
        service.runs.end_part(job_id)
    assert service.job(job_id).job.state is JobState.QUEUED


def test_a_sweep_is_submitted_from_afar(away: Farm, service: Service) -> None:
    asked = ("train", "sweep", "try", "--dataset", "studio", "--preset", "smoke-base-16")
    told = away(*asked, "--gamma", "0.5,2", "--seeds", "2")
    assert "`farm train compare try-g0.5-s0 try-g0.5-s1 try-g2-s0 try-g2-s1`" in told.out
    assert len(service.ledger.runs()) == 4
    again = away(*asked, "--gamma", "0.5,2", "--seeds", "0")
    assert "seeds: must be at least 1" in again.err
    assert "--gamma: 'nan' is not a number" in away(*asked, "--gamma", "nan,1").err
    assert "--gamma: 'inf' is not a number" in away(*asked, "--gamma", "inf,1").err
    work_off(service)
