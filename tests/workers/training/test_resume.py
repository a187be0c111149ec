"""Killed, stopped, moved or cut into slices: the same weights, bit for bit."""

import json
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from farm.errors import CheckpointInvalid
from tests.workers.training.slices import events_of, run_here, spawn, spec_of, weights_of
from workers.cascade.config import CascadeConfig
from workers.cascade.container import cascade_objects, load_cascade
from workers.training import sampling
from workers.training.checkpoint import TENSOR_FILES, find_checkpoints
from workers.training.export import export_judge, export_stage
from workers.training.presets import run_config
from workers.training.sampling import sheet_stops
from workers.training.schedules import Ramp
from workers.training.slice_spec import SliceSpec

Make = Callable[..., SliceSpec]


def wait_for(log: Path, event: str, *, within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while not any(e["event"] == event for e in events_of(log)):
        assert time.monotonic() < deadline, f"no {event} in {events_of(log)}"
        time.sleep(0.01)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_run_stopped_then_killed_then_finished_in_new_processes_has_the_weights_of_one_never_disturbed(
    make_spec: Make, tmp_path: Path, precision: str
) -> None:
    # Given a run trained in one go
    whole = make_spec(out="whole", stop_nimg=200, precision=precision)
    run_here(whole)
    # When another is stopped in its first process
    spec = make_spec(out="cut", stop_nimg=200, precision=precision)
    first = spawn(spec, tmp_path / "first.log")
    wait_for(tmp_path / "first.log", "progress")
    first.terminate()
    first.join(300)
    assert first.exitcode == 0
    stopped = events_of(tmp_path / "first.log")[-1]
    assert stopped["event"] == "stopped"
    assert 0 < stopped["nimg"] < 200
    # and killed in its second, which resumed from the first's checkpoint
    second = spawn(spec, tmp_path / "second.log")
    wait_for(tmp_path / "second.log", "progress")
    second.kill()
    second.join(300)
    assert second.exitcode == -signal.SIGKILL
    assert events_of(tmp_path / "second.log")[0] == {
        "event": "resumed",
        "nimg": stopped["nimg"],
        "path": str(find_checkpoints(spec.out_dir)[0]),
        "same_machine": True,
    }
    # Then the third ends with the same weights, averages and moments
    third = spawn(spec, tmp_path / "third.log")
    third.join(300)
    assert third.exitcode == 0
    assert weights_of(spec.out_dir) == weights_of(whole.out_dir)


@pytest.fixture(scope="module")
def at_16_and_32(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    """A run's folder with a checkpoint at 16 images, and the weights an undisturbed run has at 32."""
    folder = tmp_path_factory.mktemp("undisturbed")
    whole = spec_of(data_dir, folder, out="whole", stop_nimg=32)
    run_here(whole)
    cut = spec_of(data_dir, folder, out="cut", stop_nimg=16)
    run_here(cut)
    return cut.out_dir, weights_of(whole.out_dir)


@pytest.mark.parametrize("point", ["begin", *TENSOR_FILES, "state.json", "renamed", "done"])
def test_a_kill_while_a_checkpoint_is_written_leaves_a_sound_one(
    make_spec: Make, tmp_path: Path, at_16_and_32: tuple[Path, dict[str, bytes]], point: str
) -> None:
    # Given a checkpoint at 16 images
    spec = make_spec(stop_nimg=32)
    shutil.copytree(at_16_and_32[0], spec.out_dir)
    # When the next slice's process dies while it writes
    killed = spawn(spec, tmp_path / "killed.log", failpoint=point)
    killed.join(300)
    assert killed.exitcode == -signal.SIGKILL
    # Then the slice goes on from one of the two, and nothing half-written stays
    events = run_here(spec)
    assert events[0]["event"] == "resumed"
    assert events[0]["nimg"] == (32 if point in ("renamed", "done") else 16)
    assert weights_of(spec.out_dir) == at_16_and_32[1]
    assert not list(spec.out_dir.glob(".writing-*"))


def test_sheets_within_a_slice_are_for_the_film_and_change_nothing(
    make_spec: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    filmed, plain = (make_spec(out=out, stop_nimg=64, log_nimg=8) for out in ("filmed", "plain"))
    shown = [
        (event["event"], event["nimg"]) for event in run_here(filmed) if event["event"] in ("sample", "checkpoint")
    ]
    assert shown == [*(("sample", nimg) for nimg in range(8, 64, 8)), ("checkpoint", 64), ("sample", 64)]
    assert sorted(path.name for path in (filmed.out_dir / "samples").iterdir())[0] == "000000000008.png"
    monkeypatch.setattr(sampling, "FILM_SHEETS", 1)
    assert [event["nimg"] for event in run_here(plain) if event["event"] == "sample"] == [64]
    assert weights_of(filmed.out_dir) == weights_of(plain.out_dir)


def test_a_run_leaves_two_dozen_sheets_evenly_and_no_more_than_log_lines() -> None:
    run = run_config("base-64-tiny", dataset="none@1", seed=0)
    stops = [stop for slice_ in range(8) for stop in sheet_stops(18_752 * slice_, 18_752 * (slice_ + 1), run)]
    assert len(stops) == 24
    assert max(np.diff([0, *stops])) - min(np.diff([0, *stops])) <= 1
    assert list(sheet_stops(0, 2_047, run)) == [2_047]
    assert list(sheet_stops(64, 64, run)) == [64]


def test_an_upscaler_on_photos_and_pool_cut_in_two_slices_equals_one(make_spec: Make) -> None:
    base = make_spec(out="base", stop_nimg=16)
    run_here(base)
    stage = find_checkpoints(base.out_dir)[0]
    whole = make_spec("smoke-up-32", out="whole", stop_nimg=24, stages_before=(stage,))
    events = run_here(whole)
    half = make_spec("smoke-up-32", out="cut", stop_nimg=12, stages_before=(stage,))
    run_here(half)
    # The second slice runs elsewhere: it gets the checkpoint, an empty folder and no cache.
    elsewhere = replace(
        half,
        stop_nimg=24,
        resume_dir=find_checkpoints(half.out_dir)[0],
        out_dir=half.out_dir / "elsewhere",
        cache_dir=half.cache_dir / "elsewhere",
    )
    more = run_here(elsewhere)
    assert weights_of(elsewhere.out_dir) == weights_of(whole.out_dir)
    lines = [[e for e in told if e["event"] == "log" and e["nimg"] == 24] for told in (events, more)]
    assert lines[0] == lines[1]
    assert lines[0]
    sample = next(e for e in events if e["event"] == "sample")
    assert sample["grid_painted"] > 0
    config, tensors = export_stage(find_checkpoints(whole.out_dir)[0])
    assert (config.taught_to_px, config.network.size_px) == (32, 32)
    assert config.halo_px > 0
    assert config.scale_min < 0
    assert tensors.keys() == {name for name in tensors if name.startswith(("guide.", "painter."))}


def test_a_checkpoint_of_a_base_gives_its_judge(make_spec: Make) -> None:
    spec = make_spec(stop_nimg=16)
    run_here(spec)
    (made, *_) = find_checkpoints(spec.out_dir)
    stage, tensors = export_stage(made)
    config, judging = export_judge(made)
    assert (config.widths, config.call.dtype) == (spec.run.judge_widths, stage.call.dtype)
    objects = cascade_objects(CascadeConfig(stages=(stage,), judge=config), [tensors, judging])
    judge = load_cascade(objects.__getitem__).judge
    assert judge is not None
    picture = np.zeros((stage.network.size_px, stage.network.size_px, 3), dtype=np.uint8)
    assert np.isfinite(list(judge.scores([picture]))).all()


def test_a_damaged_checkpoint_is_named_and_the_older_one_is_used(make_spec: Make) -> None:
    spec = make_spec(stop_nimg=16)
    run_here(spec)
    run_here(replace(spec, stop_nimg=32))
    newest, older = find_checkpoints(spec.out_dir)
    damaged = newest / "optimizer.safetensors"
    body = bytearray(damaged.read_bytes())
    body[-1] ^= 1
    damaged.write_bytes(bytes(body))
    events = run_here(replace(spec, stop_nimg=32))
    assert events[0]["event"] == "damaged"
    assert str(damaged) in events[0]["message"]
    assert (events[1]["event"], events[1]["path"]) == ("resumed", str(older))


def test_when_every_checkpoint_is_damaged_the_run_does_not_start_over(make_spec: Make) -> None:
    spec = make_spec(stop_nimg=16)
    run_here(spec)
    (find_checkpoints(spec.out_dir)[0] / "state.json").write_text("{")
    with pytest.raises(CheckpointInvalid, match=r"state\.json cannot be read"):
        run_here(replace(spec, stop_nimg=32))


def test_a_checkpoint_of_another_configuration_is_refused(make_spec: Make) -> None:
    spec = make_spec(stop_nimg=16)
    run_here(spec)
    other = make_spec(stop_nimg=32, precision="fp32")
    with pytest.raises(CheckpointInvalid, match="belongs to another run: its config_digest"):
        run_here(other)


def test_a_branch_begins_at_another_runs_checkpoint_with_dials_of_its_own(make_spec: Make) -> None:
    # Given a run with a checkpoint
    parent = make_spec(out="parent", stop_nimg=32)
    run_here(parent)
    checkpoint = find_checkpoints(parent.out_dir)[0]
    # When another run with other rates begins there
    calmer = replace(parent.run.schedule, lr=Ramp(start=1e-5, end=1e-5), gamma=Ramp(start=4.0, end=4.0))
    spec = make_spec(out="branch", stop_nimg=48, seed=8, schedule=calmer)
    events = run_here(replace(spec, branch_dir=checkpoint))
    # Then it goes on from there, by its own dials, and is resumed from its own checkpoint afterwards
    assert (events[0]["event"], events[0]["nimg"]) == ("branched", 32)
    assert {(line["lr"], line["gamma"]) for line in events if line["event"] == "log"} == {(1e-5, 4.0)}
    again = run_here(replace(spec, branch_dir=checkpoint, stop_nimg=52))
    assert (again[0]["event"], again[0]["nimg"]) == ("resumed", 48)
    straight = make_spec(out="straight", stop_nimg=52, seed=8, schedule=calmer)
    run_here(replace(straight, branch_dir=checkpoint))
    assert weights_of(straight.out_dir) == weights_of(spec.out_dir)


def test_a_branch_of_other_networks_is_refused_by_name(make_spec: Make) -> None:
    parent = make_spec(out="parent", stop_nimg=16)
    run_here(parent)
    spec = make_spec(out="branch", stop_nimg=32, judge_widths=(16, 16))
    with pytest.raises(CheckpointInvalid, match=r"of preset 'smoke-base-16': its judge_widths differ"):
        run_here(replace(spec, branch_dir=find_checkpoints(parent.out_dir)[0]))
    upscaler = make_spec("smoke-up-32", out="other", stop_nimg=32)
    with pytest.raises(CheckpointInvalid, match=r"its network and judge_widths differ from 'smoke-up-32'"):
        run_here(replace(upscaler, branch_dir=find_checkpoints(parent.out_dir)[0]))


def test_a_checkpoint_of_the_format_before_is_read(make_spec: Make) -> None:
    spec = make_spec(stop_nimg=16)
    run_here(spec)
    state = find_checkpoints(spec.out_dir)[0] / "state.json"
    older = json.loads(state.read_text())
    del older["control"], older["health"]
    state.write_text(json.dumps(older | {"format": 1}))
    assert run_here(replace(spec, stop_nimg=20))[0]["event"] == "resumed"


def test_two_checkpoints_are_kept(make_spec: Make) -> None:
    spec = make_spec()
    for stop_nimg in (16, 32, 48):
        run_here(replace(spec, stop_nimg=stop_nimg))
    assert [path.name for path in find_checkpoints(spec.out_dir)] == [
        "checkpoint-000000000048",
        "checkpoint-000000000032",
    ]


def test_a_slice_ends_at_a_whole_batch(make_spec: Make) -> None:
    assert run_here(make_spec(stop_nimg=6))[-1]["nimg"] == 8
