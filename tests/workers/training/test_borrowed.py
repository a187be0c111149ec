"""A run that begins with a cascade's weights."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from farm.errors import CascadeInvalid, CheckpointInvalid
from tests.workers.cascade.tiny import DOUBLE, random_objects
from tests.workers.training.slices import run_here
from workers.cascade.config import CascadeConfig, StageConfig, UpscalerConfig
from workers.cascade.container import cascade_objects
from workers.cascade.guide import Places
from workers.cascade.noise import NoiseField
from workers.cascade.texture import TEXTURE_DIM
from workers.cascade.upscaler import Upscaler
from workers.training.checkpoint import find_checkpoints
from workers.training.export import export_judge, export_stage
from workers.training.schedules import Ramp
from workers.training.slice_spec import SliceSpec

Make = Callable[..., SliceSpec]
STILL = Ramp(start=0.0, end=0.0)


def keep(folder: Path, config: CascadeConfig, tensors: list[dict[str, Tensor]]) -> None:
    for name, body in cascade_objects(config, tensors).items():
        (folder / name).write_bytes(body)


@pytest.fixture
def two_stages(make_spec: Make, tmp_path: Path) -> dict[str, Tensor]:
    """A cascade of a trained base and a trained upscaler in `tmp_path`; the upscaler's weights."""
    found: list[tuple[StageConfig, dict[str, Tensor]]] = []
    for preset in ("smoke-base-16", "smoke-up-32"):
        spec = make_spec(preset, out=preset, stop_nimg=32)
        run_here(spec)
        found.append(export_stage(find_checkpoints(spec.out_dir)[0]))
    keep(tmp_path, CascadeConfig(stages=tuple(stage for stage, _ in found)), [tensors for _, tensors in found])
    return found[1][1]


def upscaler_spec(make_spec: Make, folder: Path, *, texture_dim: int = 0) -> SliceSpec:
    """An upscaler's slice that begins with the cascade in `folder`, and whose dials let no weight move."""
    spec = make_spec("smoke-up-32", out="more", stop_nimg=16)
    network = replace(spec.run.network, texture_dim=texture_dim)
    run = replace(spec.run, network=network, schedule=replace(spec.run.schedule, lr=STILL))
    return replace(spec, run=run, cascade_dir=folder)


def enlarged(spec: SliceSpec, weights: dict[str, Tensor], texture: list[float]) -> Tensor:
    """One tile by the run's network with these weights, told a texture."""
    assert isinstance(spec.run.network, UpscalerConfig)
    network = Upscaler(spec.run.network)
    network.load_state_dict(weights)
    side = spec.run.network.input_px
    picture = torch.linspace(-1, 1, 3 * side**2).reshape(1, 3, side, side)
    told = torch.tensor([[0.05, 0.0, *texture]])
    places = Places(top=(0,), left=(0,), picture_height=(side,), picture_width=(side,))
    noise = NoiseField(seeds=(5,), steps=(0,), top=(0,), left=(0,))
    with torch.no_grad():
        painted: Tensor = network(picture, picture, told, places, noise)
    return painted


def test_a_base_begins_with_a_cascades_weights_and_an_average_of_them(make_spec: Make, tmp_path: Path) -> None:
    # Given a cascade frozen from a trained base and its judge
    parent = make_spec(out="parent", stop_nimg=32)
    run_here(parent)
    checkpoint = find_checkpoints(parent.out_dir)[0]
    config, tensors = export_stage(checkpoint)
    judge, scores = export_judge(checkpoint)
    frozen = cascade_objects(CascadeConfig(stages=(config,), judge=judge), [tensors, scores])
    for name, body in frozen.items():
        (tmp_path / name).write_bytes(body)
    # When a run begins with it, and its dials let no weight move
    still = replace(parent.run.schedule, lr=Ramp(start=0.0, end=0.0))
    spec = replace(make_spec(out="more", stop_nimg=16, schedule=still), cascade_dir=tmp_path)
    events = run_here(spec)
    # Then its weights are the cascade's, rounded to bfloat16 as they were frozen, and images count from 0
    assert (events[0]["event"], events[0]["nimg"]) == ("branched", 0)
    more = find_checkpoints(spec.out_dir)[0]
    for name, kept in export_stage(more)[1].items():
        assert torch.equal(kept, tensors[name].bfloat16().float()), name
    for name, kept in export_judge(more)[1].items():
        assert torch.equal(kept, scores[name].bfloat16().float()), name


def test_a_cascade_of_other_networks_is_refused_by_name(make_spec: Make, tmp_path: Path) -> None:
    parent = make_spec(out="parent", stop_nimg=16)
    run_here(parent)
    config, tensors = export_stage(find_checkpoints(parent.out_dir)[0])
    for name, body in cascade_objects(CascadeConfig(stages=(config,)), [tensors]).items():
        (tmp_path / name).write_bytes(body)
    with pytest.raises(CheckpointInvalid, match=r"have other networks than 'smoke-base-16'"):
        run_here(replace(make_spec(out="more", stop_nimg=16), cascade_dir=tmp_path))
    (tmp_path / "0-base.safetensors").write_bytes(b"no weights")
    with pytest.raises(CascadeInvalid, match=r"0-base\.safetensors"):
        run_here(replace(make_spec(out="again", stop_nimg=16), cascade_dir=tmp_path))


def test_an_upscaler_begins_with_the_weights_of_the_cascades_stage(
    make_spec: Make, tmp_path: Path, two_stages: dict[str, Tensor]
) -> None:
    spec = upscaler_spec(make_spec, tmp_path)
    events = run_here(spec)
    assert (events[0]["event"], events[0]["nimg"]) == ("branched", 0)
    for name, kept in export_stage(find_checkpoints(spec.out_dir)[0])[1].items():
        assert torch.equal(kept, two_stages[name].bfloat16().float()), name


def test_an_upscaler_that_is_told_a_texture_paints_at_first_as_the_stage_that_was_told_none(
    make_spec: Make, tmp_path: Path, two_stages: dict[str, Tensor]
) -> None:
    plain = upscaler_spec(make_spec, tmp_path)
    told = upscaler_spec(make_spec, tmp_path, texture_dim=TEXTURE_DIM)
    run_here(told)
    weights = export_stage(find_checkpoints(told.out_dir)[0])[1]
    rounded = {name: tensor.bfloat16().float() for name, tensor in two_stages.items()}
    before = enlarged(plain, rounded, [])
    for texture in (-2.0, 2.0):
        torch.testing.assert_close(enlarged(told, weights, [texture] * TEXTURE_DIM), before, rtol=0, atol=1e-6)


def test_an_upscaler_of_other_networks_is_refused_by_name(
    make_spec: Make, tmp_path: Path, two_stages: dict[str, Tensor]
) -> None:
    spec = upscaler_spec(make_spec, tmp_path)
    wider = replace(spec.run.network, channels=2 * spec.run.network.channels)
    with pytest.raises(CheckpointInvalid, match=r"no stage of cascade [0-9a-f]{12}… has the networks of 'smoke-up-32'"):
        run_here(replace(spec, run=replace(spec.run, network=wider)))


def test_a_run_that_is_told_no_texture_does_not_begin_with_a_stage_that_is(make_spec: Make, tmp_path: Path) -> None:
    for name, body in random_objects(textured=True).items():
        (tmp_path / name).write_bytes(body)
    spec = upscaler_spec(make_spec, tmp_path)
    with pytest.raises(CheckpointInvalid, match="no stage of cascade"):
        run_here(replace(spec, run=replace(spec.run, network=DOUBLE)))
