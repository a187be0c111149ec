"""A cascade as an ONNX graph: what ONNX Runtime paints from it is what torch paints, for any portraits."""

import json
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from farm.errors import InvalidInput, WorkFailed
from tests.workers.cascade.shipped import shipped_cascade
from tests.workers.cascade.tiny import BASE, DOUBLE, QUADRUPLE, SPREAD, random_picture, randomised
from workers.cascade.cascade import Cascade
from workers.cascade.config import CanonicalCall, CascadeConfig
from workers.cascade.container import build, cascade_objects, load_cascade
from workers.cascade.guide import guide_input
from workers.cascade.halo import stage_config
from workers.cascade.onnx_export import Enlarging, difference, export_onnx, inputs_of
from workers.cascade.pixels import Picture, tensor_of
from workers.cascade.texture import TEXTURE_DIM
from workers.cascade.upscaler import Upscaler

SEEDS = (3, 2**63 - 1, 0)


def cascade_of(seed: int) -> Cascade:
    """16 -> 32 -> 128 px, random numbers in every tensor; the last guide sees 24 of 32 px: areas that share pixels, and
    the last stage is told a texture."""
    networks = (BASE, DOUBLE, replace(QUADRUPLE, guide_input_px=24, texture_dim=TEXTURE_DIM))
    calls = [CanonicalCall(64, batch, "bf16", threads=1) for batch in (4, 2, 3)]
    stages = tuple(
        stage_config(network, call=call, taught_to_px=network.size_px, texture=texture)
        for network, call, texture in zip(networks, calls, (None, None, SPREAD), strict=True)
    )
    states = [randomised(build(network), seed=seed + i).state_dict() for i, network in enumerate(networks)]
    return load_cascade(cascade_objects(CascadeConfig(stages=stages), states).__getitem__)


@pytest.fixture(scope="module")
def cascade() -> Cascade:
    return cascade_of(5)


@pytest.fixture(scope="module")
def graph(cascade: Cascade) -> bytes:
    return export_onnx(cascade, size_px=128)


def painted(
    graph: bytes,
    cascade: Cascade,
    seed: int,
    *,
    psi: float = 1.0,
    noise_seed: int | None = None,
    texture: float | None = None,
) -> Picture:
    """The graph's portrait of a seed, with its own noise and texture or others."""
    inputs = inputs_of(cascade, [seed], psi=psi, steps=2)
    others = inputs_of(cascade, [seed if noise_seed is None else noise_seed], psi=psi, steps=2)
    inputs |= {name: value for name, value in others.items() if name.startswith("noise")}
    if texture is not None:
        inputs["texture_2"] = np.float32([SPREAD.set_to(texture)])
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    portraits: Picture = session.run(None, inputs)[0]
    return portraits


@pytest.mark.timeout(900)
def test_portraits_are_within_one_level_of_torch(cascade: Cascade, graph: bytes) -> None:
    found = difference(cascade, graph, SEEDS, size_px=128, psi=0.7)
    assert found.levels <= 1 and found.share < 0.001


@pytest.mark.timeout(900)
def test_every_input_decides(cascade: Cascade, graph: bytes) -> None:
    first = painted(graph, cascade, 3)
    assert first.shape == (1, 128, 128, 3) and first.std() > 10
    assert (painted(graph, cascade, 4) != first).mean() > 0.5
    assert (painted(graph, cascade, 3, noise_seed=9) != first).mean() > 0.1
    assert (painted(graph, cascade, 3, psi=0.5) != first).mean() > 0.5
    assert (painted(graph, cascade, 3, texture=2.0) != first).mean() > 0.1


@pytest.mark.timeout(900)
def test_the_file_says_whose_it_is_and_is_whole(cascade: Cascade, graph: bytes) -> None:
    model = onnx.load_from_string(graph)
    onnx.checker.check_model(model)
    told = json.loads({entry.key: entry.value for entry in model.metadata_props}["portrait_farm"])
    assert (told["cascade"], told["size_px"]) == (cascade.digest, 128)
    assert [len(maps) for maps in told["noise_maps"]] == [5, 10]
    assert told["textures"] == {"2": pytest.approx(SPREAD.set_to(1.0))}
    assert not any(each.external_data for each in model.graph.initializer)


@pytest.mark.timeout(900)
def test_a_graph_of_other_weights_is_found_out(cascade: Cascade, graph: bytes) -> None:
    assert difference(cascade_of(6), graph, SEEDS, size_px=128, psi=1.0).levels > 3
    with pytest.raises(WorkFailed, match="does not run"):
        difference(cascade, graph[:-1000], SEEDS, size_px=128, psi=1.0)


def test_the_guide_sees_the_same_areas_to_the_bit() -> None:
    for input_px, seen_px in ((32, 24), (256, 128), (48, 40)):
        network = build(replace(DOUBLE, input_px=input_px, guide_input_px=seen_px))
        assert isinstance(network, Upscaler)
        picture = random_picture(input_px, input_px)
        assert torch.equal(Enlarging(network)._seen(tensor_of(picture)[None])[0], guide_input(picture, seen_px))


def test_a_size_no_stage_leaves_is_refused(cascade: Cascade) -> None:
    with pytest.raises(InvalidInput, match="no stage") as refused:
        export_onnx(cascade, size_px=64)
    assert "16, 32, 128" in refused.value.problems[0].message


@pytest.mark.timeout(900)
def test_the_trained_cascade_is_within_one_level_of_torch() -> None:
    shipped = shipped_cascade()
    body = export_onnx(shipped, size_px=256)
    found = difference(shipped, body, (0, 1), size_px=256, psi=0.7)
    assert found.levels <= 1 and found.share < 0.001
