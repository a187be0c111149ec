"""Two ranks of half a batch are one rank of the whole: same losses, same weights; no half a slice when one dies."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load

from tests.workers.training.slices import as_json, run_here
from workers.training.augment_control import AugmentControl
from workers.training.checkpoint import TENSOR_FILES, find_checkpoints
from workers.training.slice_spec import SliceSpec

Make = Callable[..., SliceSpec]
RANKS = 2
BATCH = 8
START_NIMG, STOP_NIMG = 64, 64 + 24 * BATCH
END_S = 300.0


def torchrun(spec: SliceSpec, folder: Path) -> subprocess.Popen[str]:
    """The slice by two processes with gloo; its events go to `events.jsonl`."""
    folder.mkdir(parents=True, exist_ok=True)
    description = folder / "slice.json"
    description.write_text(json.dumps(as_json(spec) | {"launcher_pid": os.getpid(), "ranks": RANKS}))
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={RANKS}"]
    with (folder / "events.jsonl").open("w") as events, (folder / "errors.log").open("w") as errors:
        return subprocess.Popen(
            [*launcher, "-m", "workers.training.slice_process", str(description)],
            stdout=events,
            stderr=errors,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )


def told(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines() if line.startswith("{")]


def lines(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for event in events if event["event"] == "log"]


def weights(spec: SliceSpec) -> Mapping[str, torch.Tensor]:
    newest = find_checkpoints(spec.out_dir)[0]
    return {
        f"{name}/{key}": value for name in TENSOR_FILES for key, value in load((newest / name).read_bytes()).items()
    }


@pytest.mark.parametrize(("precision", "near"), [("fp64", 1e-9), ("fp32", 1e-5)])
def test_two_ranks_train_as_one(make_spec: Make, tmp_path: Path, precision: str, near: float) -> None:
    # Given a run that has left its first weights behind, steered by its control people
    how = {"precision": precision, "batch": BATCH, "log_nimg": BATCH, "total_nimg": 512}
    control = AugmentControl(window_nimg=40, ramp_nimg=400)
    first = make_spec(out="first", stop_nimg=START_NIMG, control=control, **how)
    run_here(first)
    begin = find_checkpoints(first.out_dir)[0]

    # When one process and two go on from there for 24 steps
    alone = replace(first, out_dir=tmp_path / "alone", resume_dir=begin, stop_nimg=STOP_NIMG)
    both = replace(first, out_dir=tmp_path / "both", resume_dir=begin, stop_nimg=STOP_NIMG)
    expected = lines(run_here(alone))
    process = torchrun(both, tmp_path / "told")
    assert process.wait(END_S) == 0, (tmp_path / "told/errors.log").read_text()[-2000:]

    # Then every loss, score and penalty is the same, and in double precision every weight and moment
    found = lines(told(tmp_path / "told"))
    assert [line["nimg"] for line in found] == [line["nimg"] for line in expected]
    assert len(found) == 24
    compared = found if precision == "fp64" else found[:10]
    for one, two in zip(expected, compared, strict=False):
        assert one.keys() == two.keys()
        apart = {k: (v, two[k]) for k, v in one.items() if k != "event" and not close(v, two[k], near)}
        assert not apart, f"image {one['nimg']}: {apart}"
    assert len({line["augment_p"] for line in found}) > 1
    if precision == "fp64":
        ours, theirs = weights(alone), weights(both)
        assert ours.keys() == theirs.keys()
        assert all(torch.allclose(ours[k], theirs[k], rtol=near, atol=near) for k in ours)


@pytest.mark.parametrize(("precision", "near"), [("fp32", 1e-5), ("bf16", 2e-2)])
def test_the_first_shared_gradient_is_the_whole_batchs(
    make_spec: Make, tmp_path: Path, precision: str, near: float
) -> None:
    # Given trained weights, from which one process and two take one step
    first = make_spec(out="first", stop_nimg=START_NIMG, precision=precision, batch=BATCH, total_nimg=512)
    run_here(first)
    begin = find_checkpoints(first.out_dir)[0]
    alone = replace(first, out_dir=tmp_path / "alone", resume_dir=begin, stop_nimg=START_NIMG + BATCH)
    both = replace(alone, out_dir=tmp_path / "both")
    run_here(alone)
    process = torchrun(both, tmp_path / "told")
    assert process.wait(END_S) == 0, (tmp_path / "told/errors.log").read_text()[-2000:]
    # Then Adam's first moment, which with beta1 = 0 is the gradient itself, is the same
    ours, theirs = (gradients(weights(spec)) for spec in (alone, both))
    assert ours.keys() == theirs.keys()
    assert all(float(gradient.norm()) > 0 for gradient in ours.values())
    apart = {name: float((ours[name] - theirs[name]).norm() / ours[name].norm()) for name in ours}
    assert max(apart.values()) < near, apart


def test_a_lost_rank_ends_the_slice_and_leaves_the_checkpoint_that_was(make_spec: Make, tmp_path: Path) -> None:
    # Given two ranks at work
    spec = make_spec(batch=BATCH, log_nimg=BATCH, stop_nimg=16)
    run_here(spec)
    process = torchrun(replace(spec, stop_nimg=10**6), tmp_path / "told")
    deadline_s = time.monotonic() + END_S
    while len(lines(told(tmp_path / "told"))) < 3:
        assert process.poll() is None, (tmp_path / "told/errors.log").read_text()[-2000:]
        assert time.monotonic() < deadline_s
        time.sleep(0.1)
    # When one of them is killed
    victims = children_of(process.pid)
    assert len(victims) == RANKS
    os.kill(victims[-1], signal.SIGKILL)
    # Then the launcher ends with an error, nobody is left, and the run goes on from where it was
    assert process.wait(END_S) != 0
    assert not [pid for pid in victims if alive(pid)]
    assert [path.name for path in find_checkpoints(spec.out_dir)] == ["checkpoint-000000000016"]
    assert run_here(replace(spec, stop_nimg=24))[0] == {
        "event": "resumed",
        "nimg": 16,
        "path": str(spec.out_dir / "checkpoint-000000000016"),
        "same_machine": True,
    }


def gradients(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor for name, tensor in tensors.items() if name.endswith("/exp_avg")}


def close(one: float, two: float, near: float) -> bool:
    return math.isclose(one, two, rel_tol=near, abs_tol=near)


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
