"""What the roofline counts: two operations for each summed product, and each tensor once at its own type."""

import torch
from torch import nn

from tests.benchmarks.counting import Peaks, counted
from tests.benchmarks.roofline import stage_calls
from tests.workers.cascade.tiny import random_objects
from workers.cascade.arithmetic import computes_bf16
from workers.cascade.canonical import canonical
from workers.cascade.config import CanonicalCall
from workers.cascade.container import load_cascade


def test_a_convolution_and_a_product_are_counted_by_hand() -> None:
    conv, maps = nn.Conv2d(4, 8, 3, padding=1, groups=2), torch.zeros(2, 4, 10, 12)
    cpu = torch.device("cpu")
    dtype, bytes_each = (torch.bfloat16, 2) if computes_bf16(cpu) else (torch.float32, 4)
    with canonical(CanonicalCall(0, 1, "bf16", threads=1), cpu), counted() as layers:
        conv(maps)
        torch.ones(3, 5) @ torch.ones(5, 7)
    found = {layer.name: (layer.operations, layer.moved_bytes, layer.dtype) for layer in layers}
    assert found == {
        "conv 2x4x10x12 · 8x2x3x3": (
            2 * (2 * 8 * 120) * (2 * 9),
            bytes_each * (2 * 4 * 120 + 8 * 18 + 2 * 8 * 120),
            dtype,
        ),
        "product 3x5 · 5x7": (2 * 3 * 7 * 5, bytes_each * (15 + 35 + 21), dtype),
    }


def test_a_layers_floor_is_what_bounds_it() -> None:
    conv = nn.Conv2d(1, 1, 3, padding=1, bias=False)
    with torch.inference_mode(), counted() as layers:
        conv(torch.zeros(1, 1, 8, 8))
    (layer,) = layers
    assert layer.floor_s(Peaks(fp32=1.0, bf16=1e9, bytes_a_s=1e9)) == layer.operations
    assert layer.floor_s(Peaks(fp32=1e9, bf16=1e9, bytes_a_s=1.0)) == layer.moved_bytes


def test_every_stage_of_a_cascade_is_counted() -> None:
    cascade = load_cascade(random_objects().__getitem__)
    for work, _ in stage_calls(cascade).values():
        with counted() as layers:
            work()
        assert sum(layers.values()) >= 8
