"""Commands against a farm elsewhere, with nothing but its address and a key."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from farm.api.app import create_app
from farm.ledger import Role
from farm.service import Service
from farm.settings import Settings, told_settings
from tests.farm.api.conftest import served
from tests.farm.cli.conftest import Farm
from tests.farm.stocking import add_cascade, add_dataset, work_off

RENDER = ("render", "demo", "--seeds", "0..4", "--size", "32")


@pytest.fixture
def key_file(service: Service, tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text(service.ledger.create_key("ann", Role.ARTIST)[1] + "\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def away(
    farm: Farm, settings: Settings, service: Service, key_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Farm]:
    """The `farm` command on a machine that has the farm's address and a key, and a home of its own."""
    add_cascade(service)
    with served(create_app(settings.model_copy(update={"tick_s": 3600.0}))) as address:
        monkeypatch.setenv("FARM_HOME", str(tmp_path / "elsewhere"))
        monkeypatch.setenv("FARM_API_URL", address)
        monkeypatch.setenv("FARM_API_KEY_FILE", str(key_file))
        yield farm


def test_portraits_are_asked_for_watched_and_fetched_from_afar(away: Farm, service: Service, tmp_path: Path) -> None:
    # Given a farm elsewhere with somebody at work
    done = threading.Event()

    def working() -> None:
        while not done.wait(0.05):
            work_off(service)

    worker = threading.Thread(target=working)
    worker.start()
    try:
        said = away(*RENDER, "--out", str(tmp_path / "faces"))
    finally:
        done.set()
        worker.join()

    # Then the files are here, the job is there, and no farm was made on this machine
    assert said.code == 0, said.err
    names = sorted(path.name for path in (tmp_path / "faces").iterdir())
    assert names == ["0.png", "1.png", "2.png", "3.png", "4.png", "contact.jpg"]
    assert (tmp_path / "faces/3.png").read_bytes().startswith(b"portrait ")
    [view] = service.jobs(kind="render")
    assert view.job.key_id is not None
    assert not (tmp_path / "elsewhere" / "ledger.sqlite").exists()


def test_a_number_that_json_has_not_is_told_with_its_option(away: Farm) -> None:
    told = away(*RENDER, "--texture", "nan")
    assert (told.code, "--texture: Input should be a finite number" in told.err) == (2, True)


def test_jobs_are_listed_shown_and_steered_from_afar(away: Farm, service: Service) -> None:
    assert "watch it with `farm watch" in away(*RENDER).out
    [view] = service.jobs(kind="render")
    job = str(view.job.id)

    assert "render" in away("jobs").out
    assert f"job {job}, render, queued: 0 of 5 settled" in away("jobs", job).out
    assert f"job {job} is paused" in away("pause", job).out
    assert f"job {job} goes on" in away("resume", job).out
    work_off(service, bad=(3,))
    shown = away("jobs", job).out
    assert "unit 3 failed" in shown
    assert away("watch", job).code == 1
    assert "1 failed units are tried again" in away("retry", job).out
    assert f"job {job} is cancelled" in away("cancel", job).out


def test_what_is_wrong_is_told_as_at_home(away: Farm, service: Service) -> None:
    other = service.submit({"kind": "render", "cascade": "demo", "seeds": "9", "size_px": 32}).job.id

    assert away("render", "demo", "--seeds", "x", "--size", "32").err.splitlines()[1].startswith("  --seeds: ")
    assert f"there is no job {other}" in away("jobs", str(other)).err
    refused = away("cascade", "list")
    assert refused.code == 2
    assert "FARM_API_URL" in refused.err


def test_an_admin_makes_and_revokes_keys_from_afar(
    away: Farm, service: Service, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = away("keys", "list")
    assert (refused.code, "needs a key of role admin" in refused.err) == (2, True)
    key_file.write_text(service.ledger.create_key("boss", Role.ADMIN)[1])

    secret = away("keys", "create", "eve", "--role", "viewer").out.strip()
    found = service.ledger.find_key(secret)
    assert found is not None
    assert "eve" in away("keys", "list").out
    assert away("keys", "revoke", str(found.id)).out == f"key {found.id} is revoked\n"
    assert service.ledger.find_key(secret) is None
    assert "--role: must be one of" in away("keys", "create", "eve", "--role", "king").err


def test_a_key_file_that_others_may_read_is_refused(away: Farm, key_file: Path) -> None:
    key_file.chmod(0o644)

    said = away("jobs")

    assert said.code == 2
    assert f"FARM_API_KEY_FILE: others may read {key_file}: `chmod 600` it" in said.err


def test_the_key_may_come_by_value_and_is_never_shown(
    away: Farm, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FARM_API_KEY_FILE")
    monkeypatch.setenv("FARM_API_KEY", key_file.read_text().strip())

    assert away("jobs").code == 0
    told = {each.variable: each.value for each in told_settings()}
    assert told["FARM_API_KEY"] == "***"

    monkeypatch.setenv("FARM_API_KEY", "wrong")
    assert "this key is not known" in away("jobs").err


def test_a_farm_that_does_not_answer_is_told(away: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FARM_API_URL", "http://127.0.0.1:9")

    said = away("jobs")

    assert said.code == 3
    assert "does not answer" in said.err


def test_priority_budget_waiting_and_use_are_reached_from_elsewhere(away: Farm, service: Service) -> None:
    away(*RENDER, "--priority", "high", "--budget-hours", "1.5")
    job = service.job(2).job
    assert (job.priority, job.budget_s, job.owner) == (50, 5400.0, "ann")
    assert "no worker serves 'render' (no_worker)" in away("why", "2").out
    away("priority", "2", "urgent")
    away("budget", "2", "3")
    assert (service.job(2).job.priority, service.job(2).job.budget_s) == (100, 10800.0)
    assert "ann: share 1; no limits" in away("keys", "usage").out
    assert away("keys", "share", "ann", "5").code == 2, "an artist may not"


def test_a_training_is_begun_from_afar_but_for_a_checkpoint_in_a_folder(
    away: Farm, service: Service, tmp_path: Path
) -> None:
    add_dataset(service)
    train = ("train", "base", "faces", "--dataset", "studio", "--preset", "smoke-base-16")

    said = away(*train, "--images", "32")
    assert "trains faces for 32 images" in said.out, said.err
    assert service.ledger.run("faces").config["preset"] == "smoke-base-16"

    refused = away(*train, "--checkpoint", str(tmp_path))
    assert refused.code == 2 and "cannot be sent to a farm elsewhere" in refused.err
