"""Commands on a farm that runs, or does not: what they say and how they end."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from farm.cli.main import exit_code, told
from farm.cli.output import duration
from farm.errors import (
    FarmError,
    InvalidInput,
    LeaseLost,
    LedgerUnavailable,
    NotFound,
    Problem,
    SettingsInvalid,
    WorkFailed,
)
from farm.recipe import Recipe, Step, canonical_json
from farm.service import Service
from tests.farm.cli.conftest import Farm
from tests.farm.stocking import CASCADE, DIGEST, add_cascade, add_dataset, add_run, keep_cascade, toy_worker, work_off
from workers.rendering.png import encode_png

RENDER = ("render", "demo", "--seeds", "0..4", "--size", "32")


def test_a_job_is_taken_though_no_farm_runs(farm: Farm, service: Service) -> None:
    add_cascade(service)

    said = farm(*RENDER)

    assert said.code == 0
    assert "renders 5 portraits at 32 px" in said.out
    assert "no worker is up: start one with `farm up`" in said.out
    assert service.jobs(kind="render")[0].job.total == 5


def test_with_a_worker_up_it_says_how_to_watch(farm: Farm, service: Service) -> None:
    add_cascade(service)
    toy_worker(service.ledger)

    said = farm(*RENDER)

    job_id = service.jobs()[0].job.id
    assert f"farm watch {job_id}" in said.out
    assert "no worker" not in said.out


def test_every_mistake_is_one_line_with_the_option_s_name(farm: Farm) -> None:
    said = farm("render", "../demo", "--seeds", "4..1,x", "--size", "0", "--psi", "9")

    assert said.code == 2
    assert said.out == ""
    lines = said.err.splitlines()
    assert lines[0] == "farm: the job has mistakes"
    assert [line.split(":")[0].strip() for line in lines[1:]] == ["CASCADE", "--seeds", "--size", "--psi"]
    assert "Traceback" not in said.err


def test_what_is_not_there_is_told_with_what_is(farm: Farm, service: Service) -> None:
    add_cascade(service)

    said = farm("render", "demmo", "--seeds", "0", "--size", "32")

    assert (said.code, "there is demo@1" in said.err) == (2, True)


def test_portraits_are_written_when_the_job_is_done(farm: Farm, service: Service, tmp_path: Path) -> None:
    # Given a job's portraits, there already
    add_cascade(service)
    farm(*RENDER)
    work_off(service)

    # When they are asked for again, with a folder, and the job is done by the time it is looked at
    job_id = service.jobs()[0].job.id
    service.ledger.extend(job_id, [(9, 10)])
    work_off(service)
    said = farm("watch", str(job_id))

    # Then watching says so at once
    assert (said.code, f"job {job_id} done: 6 portraits" in said.out) == (0, True)


def test_render_with_a_folder_waits_and_writes(
    farm: Farm, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_cascade(service)
    # The toy worker comes while the command waits.
    monkeypatch.setattr("farm.cli.watching.time.sleep", lambda _s: work_off(service))

    said = farm(*RENDER, "--out", str(tmp_path / "out"))

    assert said.code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "0.png",
        "1.png",
        "2.png",
        "3.png",
        "4.png",
        "contact.jpg",
    ]


def test_a_job_that_ended_badly_ends_the_command_with_1(farm: Farm, service: Service) -> None:
    add_cascade(service)
    job_id = service.submit({"kind": "render", "cascade": "demo", "seeds": "1", "size_px": 16}).job.id
    farm("cancel", str(job_id))

    said = farm("watch", str(job_id))

    assert said.code == 1
    assert f"farm retry {job_id}" in said.out


def test_ctrl_c_leaves_the_job_running_and_says_so(
    farm: Farm, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_cascade(service)
    farm(*RENDER)
    job_id = service.jobs()[0].job.id

    def interrupted(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("farm.cli.watching.time.sleep", interrupted)
    said = farm("watch", str(job_id))

    assert said.code == 130
    assert f"job {job_id} goes on" in said.out
    assert service.job(job_id).job.state.value == "queued"


def test_jobs_are_listed_shown_and_told_as_json(farm: Farm, service: Service) -> None:
    assert "no jobs yet" in farm("jobs").out
    add_cascade(service)
    farm(*RENDER)
    job_id = service.jobs()[0].job.id

    assert "no worker serves" in farm("jobs").out
    assert "size_px: 32" in farm("jobs", str(job_id)).out
    listed = json.loads(farm("jobs", "--json").out)
    assert [view["job"]["state"] for view in listed] == ["queued", "done"]
    assert json.loads(farm("jobs", str(job_id), "--json").out)["view"]["job"]["total"] == 5
    assert [view["job"]["id"] for view in json.loads(farm("jobs", "--state", "queued", "--json").out)] == [job_id]


def test_a_job_s_failures_are_shown(farm: Farm, service: Service) -> None:
    add_cascade(service)
    farm(*RENDER)
    job_id = service.jobs()[0].job.id
    for _ in range(6):
        work_off(service, bad=(3,))

    said = farm("jobs", str(job_id))

    assert "renders" not in said.out
    assert "4 of 5 settled" in said.out or "seed 3 is bad" in said.out


@pytest.mark.parametrize("verb", ["pause", "resume", "cancel", "retry"])
def test_verbs_say_what_they_did(farm: Farm, service: Service, verb: str) -> None:
    add_cascade(service)
    farm(*RENDER)
    job_id = str(service.jobs()[0].job.id)

    assert farm(verb, job_id).code == 0
    assert farm(verb, job_id).out.startswith(f"job {job_id}")


@pytest.mark.parametrize("verb", ["watch", "pause", "resume", "cancel", "retry", "jobs"])
def test_a_job_that_is_not_there_is_wrong_input(farm: Farm, verb: str) -> None:
    said = farm(verb, "99")

    assert (said.code, "no job 99" in said.err) == (2, True)


def test_a_folder_becomes_a_dataset(farm: Farm, service: Service, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/a.jpg").write_bytes(b"\xff\xd8\xff")

    said = farm("dataset", "add", "studio", str(tmp_path / "photos"))
    assert (said.code, "looks at 1 files for dataset studio" in said.out) == (0, True)
    assert "no datasets yet" in farm("dataset", "list").out
    work_off(service)

    assert "studio@1" in farm("dataset", "list").out
    assert "1 photos kept" in farm("dataset", "show", "studio").out
    assert json.loads(farm("dataset", "show", "studio@1", "--json").out)["version"] == 1
    assert farm("dataset", "show", "studio@x").code == 2
    assert farm("dataset", "show", "other").code == 2
    assert farm("dataset", "add", "studio", str(tmp_path / "nowhere")).code == 2


def test_runs_are_trained_and_listed(farm: Farm, service: Service) -> None:
    add_dataset(service)
    base = ("train", "base", "faces", "--dataset", "studio", "--preset", "smoke-base-16")
    assert "trains faces for 32 images" in farm(*base, "--images", "32").out
    work_off(service)
    upscaler = ("train", "upscaler", "up", "--dataset", "studio", "--preset", "smoke-up-32", "--before", "faces")

    assert farm(*upscaler).code == 0
    assert farm(*upscaler).code == 2
    assert "faces" in farm("train", "list").out
    assert "smoke-up-32" in farm("train", "presets").out
    assert farm("train", "base", "x", "--dataset", "studio", "--preset", "smoke-up-32").code == 2
    again = ("train", "base", "again", "--dataset", "studio", "--preset", "smoke-base-16", "--schedule")
    assert farm(*again, "slow").code == 2
    assert farm(*again, "published").code == 0
    assert service.ledger.run("again").config["schedule"] == "published"


def test_cascades_are_assembled_exported_imported_and_listed(farm: Farm, service: Service, tmp_path: Path) -> None:
    add_dataset(service)
    add_run(service, "faces")
    assert "no cascades yet" in farm("cascade", "list").out
    assert "assembles c of faces" in farm("cascade", "assemble", "c", "faces").out
    work_off(service)

    path = tmp_path / "new folder/c.cascade"
    assert farm("cascade", "export", "c", "--out", str(path)).code == 0
    assert zipfile.ZipFile(path).testzip() is None
    assert "imports c.cascade as copy" in farm("cascade", "import", "copy", str(path)).out
    assert DIGEST in farm("cascade", "list").out
    assert farm("cascade", "export", "ghost", "--out", str(path)).code == 2


def test_a_cascade_goes_out_as_a_hub_folder_and_comes_back(farm: Farm, service: Service, tmp_path: Path) -> None:
    add_dataset(service)
    add_run(service, "faces")
    keep_cascade(service, {"cascade.json": canonical_json(CASCADE), "0-base.safetensors": b"weights"})
    hub = tmp_path / "hub"
    folder = ("cascade", "export", "c", "--format", "huggingface", "--to", str(hub))

    assert "--licence" in farm(*folder).err
    assert "cc0-1.0" in farm(*folder, "--licence", "my own").err
    assert "config.json" in farm(*folder, "--licence", "cc0-1.0").out
    assert farm("cascade", "export", "c", "--licence", "mit").code == 2
    (hub / "notes.txt").write_text("x")
    said = farm("cascade", "import", "copy", str(hub))
    assert (said.code, "imports hub as copy" in said.out, "notes.txt" in said.out) == (0, True, True)
    (hub / "model.bin").write_bytes(b"x")
    refused = farm("cascade", "import", "copy", str(hub))
    assert (refused.code, "model.bin" in refused.err) == (2, True)


def test_a_cascade_is_shown_with_the_sizes_it_reaches(farm: Farm, service: Service) -> None:
    digest = add_cascade(service)
    said = farm("cascade", "show", "demo").out
    assert digest in said
    assert "any size up to 16384 px; 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384 as painted" in said
    assert json.loads(farm("cascade", "show", "demo", "--json").out)["reaches_px"][-1] == 16384
    assert farm("cascade", "show", "ghost").code == 2


@pytest.mark.parametrize("body", [None, b"", b"nothing of the kind"])
def test_an_archive_that_is_none_is_one_clear_line(farm: Farm, tmp_path: Path, body: bytes | None) -> None:
    path = tmp_path / "c.cascade"
    if body is not None:
        path.write_bytes(body)

    said = farm("cascade", "import", "c", str(path))

    assert said.code == 2
    assert 1 <= len(said.err.splitlines()) <= 2


def test_a_folder_in_the_way_of_an_export_is_one_clear_line(farm: Farm, service: Service, tmp_path: Path) -> None:
    add_cascade(service)
    (tmp_path / "c").mkdir()

    said = farm("cascade", "export", "demo", "--out", str(tmp_path / "c"))

    assert (said.code, "cannot be written" in said.err) == (2, True)
    assert list((tmp_path / "c").parent.glob(".c*")) == []


def test_the_doctor_finds_nothing_wrong_with_a_fresh_farm(farm: Farm) -> None:
    said = farm("doctor")

    assert said.code == 0
    assert "`farm up`" in said.out
    assert {check["name"] for check in json.loads(farm("doctor", "--json").out)} >= {"ledger", "storage", "queue"}


def test_a_service_that_does_not_answer_ends_with_3(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FARM_LEDGER_URL", "postgresql+psycopg://farm:secret@127.0.0.1:1/farm")

    said = farm("jobs")

    assert said.code == 3
    assert "farm doctor" in said.err
    assert "Traceback" not in said.err
    assert "secret" not in said.err
    assert farm("doctor").code == 3


def test_wrong_settings_are_named_by_their_variable(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FARM_API_PORT", "many")

    said = farm("jobs")

    assert (said.code, "FARM_API_PORT" in said.err) == (2, True)


def test_a_worker_needs_a_farm_and_queues_that_are_there(farm: Farm) -> None:
    assert "FARM_REDIS_URL" in farm("worker").err
    assert farm("worker", "--queues", "render,paint").err.count("\n") == 2
    assert farm("worker", "--device", "abacus").code == 2


def test_a_demo_without_a_cascade_says_what_to_give(farm: Farm, tmp_path: Path) -> None:
    said = farm("demo", "--cascade", str(tmp_path / "none"))

    assert (said.code, "--cascade" in said.err) == (2, True)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidInput("x"), 2),
        (NotFound("x"), 2),
        (LeaseLost("x"), 2),
        (SettingsInvalid("x"), 2),
        (LedgerUnavailable("x"), 3),
        (WorkFailed("x"), 1),
    ],
)
def test_each_error_has_its_exit_code(error: FarmError, code: int) -> None:
    assert exit_code(error) == code


def test_fields_are_told_as_options() -> None:
    error = InvalidInput("wrong", problems=[Problem("runs.1", "no"), Problem("size_px", "no"), Problem("", "all")])

    assert told(error) == "farm: wrong\n  runs 1: no\n  --size: no\n  all\n"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, ""), (4.4, "4 s"), (89, "89 s"), (100, "2 min"), (5000, "83 min"), (7500, "2 h 05 min")],
)
def test_durations_read_easily(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words


def test_a_portrait_is_made_again_from_its_own_file(farm: Farm, service: Service, tmp_path: Path) -> None:
    add_cascade(service)
    job_id = service.submit({"kind": "render", "cascade": "demo", "seeds": "7", "size_px": 32, "psi": 0.5}).job.id
    work_off(service)
    path = tmp_path / "7.png"
    recipe = Recipe(cascade=DIGEST, latent_seed=7, noise_seed=7, psi=0.5, steps=(Step(stage=1),), size_px=32)
    path.write_bytes(encode_png(np.zeros((8, 8, 3), dtype=np.uint8), text={"recipe": recipe.text}))

    again = json.loads(farm("render", "--from", str(path), "--json").out)["job"]
    larger = json.loads(farm("render", "--from", str(path), "--size", "1024", "--json").out)["job"]

    old, new = (service.portraits(number).portraits[0].recipe for number in (job_id, again["id"]))
    assert old == new == recipe.digest
    assert (larger["spec"]["seeds"], larger["spec"]["size_px"], larger["spec"]["psi"]) == ("7", 1024, 0.5)


def test_what_the_file_decides_is_not_given_beside_it(farm: Farm, tmp_path: Path) -> None:
    path = tmp_path / "7.png"
    path.write_bytes(b"anything")
    said = farm("render", "demo", "--from", str(path), "--seeds", "1", "--psi", "1")
    assert said.code == 2
    assert [line.split(":")[0].strip() for line in said.err.splitlines()[1:]] == ["CASCADE", "--seeds", "--psi"]
    assert "not a PNG" in farm("render", "--from", str(path)).err
    assert farm("render", "--from", str(tmp_path / "none.png")).code == 2


def test_a_render_that_asks_for_nothing_is_told_all_that_is_missing(farm: Farm) -> None:
    said = farm("render")
    assert said.code == 2
    assert [line.split(":")[0].strip() for line in said.err.splitlines()[1:]] == ["CASCADE", "--seeds", "--size"]


def test_a_sweep_is_one_command(farm: Farm, service: Service) -> None:
    add_dataset(service)
    swept = ("train", "sweep", "try", "--dataset", "studio", "--preset", "smoke-base-16")

    said = farm(*swept, "--gamma", "0.25,1", "--seeds", "2", "--images", "32")

    assert said.out.count("for 32 images") == 4
    assert "farm train compare try-g0.25-s0 try-g0.25-s1 try-g1-s0 try-g1-s1" in said.out
    assert farm(*swept, "--gamma", "1,x,-").code == 2
    assert "'x' is not a number" in farm(*swept, "--gamma", "1,x,-").err
