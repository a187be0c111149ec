"""The ablations' switches: a guide that says nothing, L1 at full size; unused they change nothing."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from tests.workers.training.slices import run_here
from workers.training.checkpoint import find_checkpoints
from workers.training.config import RunConfig, UpscalingConfig
from workers.training.export import export_stage
from workers.training.presets import run_config
from workers.training.slice_spec import SliceSpec

HOW = UpscalingConfig(crop_px=8, context_px=2, stage_share=0.5)
LEAVE = "guide.leave.weight"


def averages_after(spec: SliceSpec) -> dict[str, torch.Tensor]:
    run_here(spec)
    return export_stage(find_checkpoints(spec.out_dir)[0])[1]


def test_a_painter_may_be_taught_without_a_guide(make_spec: Callable[..., SliceSpec]) -> None:
    how = replace(HOW, guided=False)
    halfway = make_spec(preset="smoke-up-32", upscaling=how, stop_nimg=16)
    run_here(halfway)
    resumed = averages_after(replace(halfway, stop_nimg=32))
    assert not resumed[LEAVE].any()
    assert resumed["painter.to_rgb.weight"].any()


def test_with_a_guide_it_speaks(make_spec: Callable[..., SliceSpec]) -> None:
    assert averages_after(make_spec(preset="smoke-up-32", upscaling=HOW, stop_nimg=8))[LEAVE].any()


def test_l1_at_full_size_teaches_otherwise(make_spec: Callable[..., SliceSpec]) -> None:
    usual = averages_after(make_spec(preset="smoke-up-32", out="usual", upscaling=HOW, stop_nimg=16))
    other = make_spec(preset="smoke-up-32", out="other", upscaling=replace(HOW, full_l1=True), stop_nimg=16)
    assert not torch.equal(averages_after(other)["painter.to_rgb.weight"], usual["painter.to_rgb.weight"])


def test_runs_from_before_the_switches_keep_their_digests() -> None:
    assert run_config("demo-up-256", dataset="d@1", seed=0).digest.startswith("109688c023af")
    assert run_config("gpu-up-1024", dataset="d@1", seed=0).digest.startswith("c54212debc99")
    run = run_config("demo-up-256", dataset="d@1", seed=0)
    assert run.upscaling is not None
    switches: tuple[dict[str, Any], ...] = (
        {"guided": False},
        {"full_l1": True},
        {"texture_gain": 2.0},
        {"texture_weight": 1.0},
    )
    for switch in switches:
        switched = replace(run, upscaling=replace(run.upscaling, **switch))
        assert switched.digest != run.digest
        assert RunConfig.from_json(switched.to_json()) == switched
