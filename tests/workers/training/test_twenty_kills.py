"""A run killed twenty times, six of them while it writes a checkpoint, has the weights of one never disturbed."""

import json
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.workers.training.slices import events_of, run_here, spawn, weights_of
from tests.workers.training.test_resume import Make
from workers.training.augment_control import AugmentControl
from workers.training.checkpoint import TENSOR_FILES, find_checkpoints, read_record

IN_WRITING = ("begin", *TENSOR_FILES, "state.json", "renamed")
KILLS = 20
SLICE_NIMG, TOTAL_NIMG = 24, 480
END_S = 300.0


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_twenty_kills_change_no_bit(make_spec: Make, tmp_path: Path, precision: str) -> None:
    # Given a run over sixty epochs of eight photos, steered by its control people, trained in one go
    how = {"precision": precision, "control": AugmentControl(window_nimg=40, ramp_nimg=400), "total_nimg": TOTAL_NIMG}
    whole = make_spec(out="whole", stop_nimg=TOTAL_NIMG, **how)
    run_here(whole)
    # When another is killed over and over, every third time or so while it writes
    spec = make_spec(out="cut", **how)
    reached, points = 0, list(IN_WRITING)
    for kill in range(KILLS):
        log = tmp_path / f"{kill}.log"
        point = points.pop(0) if kill % 3 == 0 and points else ""
        process = spawn(replace(spec, stop_nimg=reached + SLICE_NIMG), log, failpoint=point)
        if not point:
            # At another place each time: with its data open, after a step or two, at its end
            wait_for_event(log, "resumed" if kill % 2 and reached else "progress")
            time.sleep(0.02 * (kill % 5))
            process.kill()
        process.join(END_S)
        # Then each kill took effect, and what was reached is never lost
        assert process.exitcode in ((-signal.SIGKILL,) if point else (-signal.SIGKILL, 0)), events_of(log)
        found = find_checkpoints(spec.out_dir)
        now = int(read_record(found[0])["nimg"]) if found else 0
        assert now >= reached
        reached = now
    assert not points
    # And when it is left alone, it ends with the same weights, moments and control
    run_here(replace(spec, stop_nimg=TOTAL_NIMG))
    assert weights_of(spec.out_dir) == weights_of(whole.out_dir)
    states = [read_record(find_checkpoints(each.out_dir)[0]) for each in (spec, whole)]
    assert states[0]["control"] == states[1]["control"]
    assert states[0]["control"]["p"] != 0.2
    assert json.dumps(states[0]["health"]) == json.dumps(states[1]["health"])


def wait_for_event(log: Path, event: str) -> None:
    deadline_s = time.monotonic() + END_S
    while not any(each["event"] in (event, "stopped") for each in events_of(log)):
        assert time.monotonic() < deadline_s, f"no {event} in {events_of(log)}"
        time.sleep(0.005)
