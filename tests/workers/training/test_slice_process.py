"""The process around a slice: it dies with its launcher, refuses nonsense in words, and stops on NaN."""

import fcntl
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from farm.errors import Conflict, InvalidInput, TrainingDiverged
from tests.workers.training.slices import as_json, events_of, run_here
from workers.training.checkpoint import find_checkpoints
from workers.training.guard import device_lock
from workers.training.loop import Classroom, Watcher, start, train
from workers.training.presets import run_config
from workers.training.ranks import Ranks
from workers.training.sampling import SampleSheet
from workers.training.schedules import Ramp
from workers.training.slice_process import main
from workers.training.slice_spec import SliceSpec

Make = Callable[..., SliceSpec]

LAUNCHER = """
import json, os, subprocess, sys
description, log = sys.argv[1:]
value = json.load(open(description)) | {"launcher_pid": os.getpid()}
json.dump(value, open(description, "w"))
command = [sys.executable, "-m", "workers.training.slice_process", description]
process = subprocess.Popen(command, stdout=open(log, "w"))
print(process.pid, flush=True)
process.wait()
"""


def test_when_the_launcher_is_killed_the_process_ends_within_ten_seconds_and_the_lock_is_free(
    make_spec: Make, tmp_path: Path
) -> None:
    # Given a training that would go on for hours
    spec, log = make_spec(stop_nimg=10**9), tmp_path / "log"
    (tmp_path / "slice.json").write_text(json.dumps(as_json(spec)))
    command = [sys.executable, "-c", LAUNCHER, str(tmp_path / "slice.json"), str(log)]
    launcher = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert launcher.stdout is not None
    pid = int(launcher.stdout.readline())
    deadline = time.monotonic() + 120
    while not events_of(log) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert events_of(log)
    assert is_locked(spec.lock_path)
    # When its launcher is killed
    launcher.kill()
    launcher.wait()
    launcher.stdout.close()
    killed_at = time.monotonic()
    # Then nothing is left of it
    while (exists(pid) or is_locked(spec.lock_path)) and time.monotonic() < killed_at + 10:
        time.sleep(0.1)
    assert not exists(pid)
    assert not is_locked(spec.lock_path)


def is_locked(path: Path) -> bool:
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def exists(pid: int) -> bool:
    try:
        # A process of ours that ended may be a zombie, whoever its parent is now.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_second_training_on_the_device_is_refused(tmp_path: Path) -> None:
    with (
        device_lock(tmp_path / "lock"),
        pytest.raises(Conflict, match="another training uses this device"),
        device_lock(tmp_path / "lock", wait_s=0.1),
    ):
        pass
    with device_lock(tmp_path / "lock", wait_s=0.1):
        pass


def test_a_nonsense_description_is_one_event_that_names_every_field(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], make_spec: Make
) -> None:
    value = as_json(make_spec())
    del value["data_dir"]
    (tmp_path / "slice.json").write_text(json.dumps(value | {"threads": "two", "colour": 1}))
    signals = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    try:
        assert main([str(tmp_path / "slice.json")]) == 1
    finally:
        for number, handler in zip((signal.SIGTERM, signal.SIGINT), signals, strict=True):
            signal.signal(number, handler)
    event = json.loads(capsys.readouterr().out)
    assert (event["event"], event["kind"], event["retryable"]) == ("error", "InvalidInput", False)
    assert all(name in event["message"] for name in ("data_dir", "threads", "colour"))


def test_a_description_that_json_kept_is_the_same(make_spec: Make) -> None:
    spec = make_spec()
    assert SliceSpec.from_json(json.loads(json.dumps(as_json(spec)))) == spec


def test_a_description_that_is_no_object_is_refused() -> None:
    with pytest.raises(InvalidInput, match="must be an object"):
        SliceSpec.from_json([1])


class Exploding:
    """A lesson whose loss is NaN from image 8 on, or until image `heals`."""

    def __init__(self, heals: int = 10**9) -> None:
        self.heals = heals

    def build(self) -> tuple[nn.Module, nn.Module]:
        return nn.Linear(1, 1), nn.Linear(1, 1)

    def discriminator_step(
        self, judge: nn.Module, painter: nn.Module, *, indices: Sequence[int], dials: object
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        loss: Tensor = judge(torch.ones(1, 1)).sum()
        scores = {"judge_real": loss.detach(), "judge_fake": loss.detach(), "r1": loss.detach(), "r2": loss.detach()}
        return (loss * float("nan") if 8 <= indices[0] < self.heals else loss), scores

    def generator_step(
        self, judge: nn.Module, painter: nn.Module, *, indices: Sequence[int], dials: object
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        return painter(torch.ones(1, 1)).sum(), {}

    def sample(self, average: nn.Module) -> SampleSheet:
        return SampleSheet([])


def classroom(lesson: Exploding) -> tuple[Classroom, list[str], Watcher]:
    run = run_config("smoke-base-16", dataset="d@1", seed=0)
    device = torch.device("cpu")
    state = start(lesson, run, device=device)
    said: list[str] = []
    watcher = Watcher(progress=lambda _: None, log=lambda _: None, warn=said.append, should_stop=lambda: False)
    return Classroom(state=state, lesson=lesson, config=run, ranks=Ranks(device=device)), said, watcher


def test_a_loss_that_stays_no_number_stops_the_run_with_an_error() -> None:
    room, said, watcher = classroom(Exploding())
    with pytest.raises(TrainingDiverged, match=r"the judge's loss or gradient is not finite in 5 steps .* --from"):
        train(room, stop_nimg=64, watcher=watcher)
    assert len(said) == 4
    assert room.state.nimg == 28


def test_a_bad_step_moves_no_weight_and_the_run_goes_on() -> None:
    room, said, watcher = classroom(Exploding(heals=16))
    train(room, stop_nimg=8, watcher=watcher)
    before = [p.clone() for p in (*room.state.judge.parameters(), *room.state.painter.parameters())]
    train(room, stop_nimg=16, watcher=watcher)
    after = [*room.state.judge.parameters(), *room.state.painter.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert said == [f"the step at image {n} is left out: the judge's loss or gradient is not finite" for n in (12, 16)]
    train(room, stop_nimg=24, watcher=watcher)
    assert not any(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert (room.state.nimg, room.state.health.skipped, room.state.health.bad_in_a_row) == (24, 2, 0)


def test_a_diverged_slice_leaves_no_checkpoint(make_spec: Make) -> None:
    spec = make_spec()
    wild = replace(spec.run.schedule, lr=Ramp(start=1e25, end=1e25))
    with pytest.raises(TrainingDiverged):
        run_here(replace(spec, run=replace(spec.run, schedule=wild)))
    assert find_checkpoints(spec.out_dir) == ()
