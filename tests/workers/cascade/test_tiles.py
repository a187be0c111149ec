"""Tile-exactness: whole, in windows, in any order, in any company: the same picture, bit for bit.

The halo is the smallest that works: with one pixel less the pictures differ. Networks here have random numbers in
every tensor.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workers.cascade.tiny import DOUBLE, QUADRUPLE, random_picture, random_upscaler
from workers.cascade.arithmetic import computes_bf16
from workers.cascade.canonical import canonical
from workers.cascade.config import CanonicalCall, Dtype, StageConfig, UpscalerConfig
from workers.cascade.halo import halo_of, measure_halo, stage_config
from workers.cascade.noise import NoiseField
from workers.cascade.pixels import Picture
from workers.cascade.stage import Enlargement, UpscalerStage
from workers.cascade.windows import Window

CPU = torch.device("cpu")
HOW = Enlargement(noise_seed=2**62 + 1, step=1, sigma=0.05, scale_log2=-0.4)


def stage(config: UpscalerConfig, *, window_px: int, micro_batch: int = 2, dtype: Dtype = "bf16") -> UpscalerStage:
    """A stage made for pictures of 64 px: larger ones are giant, and get another call."""
    config = replace(config, input_px=64)
    call = CanonicalCall(window_px, micro_batch, dtype, threads=1)
    taught = stage_config(config, call=call, taught_to_px=config.size_px, scale_min=-1.0)
    return UpscalerStage(random_upscaler(config), taught, device=CPU)


def painted(worker: UpscalerStage, picture: Picture) -> Picture:
    return next(worker.enlarge([picture], [HOW]))


@pytest.mark.parametrize("config", [DOUBLE, QUADRUPLE, replace(DOUBLE, factor=3), replace(DOUBLE, factor=8)])
def test_windows_of_any_size_give_the_picture_of_one_call(config: UpscalerConfig) -> None:
    """To the bit in bf16; float32 sums in another order for another shape: one value in a million rounds otherwise."""
    picture = random_picture(57, 41)
    whole = painted(stage(config, window_px=64), picture).astype(int)
    for window_px, micro_batch in [(2 * halo_of(config) + 9, 7), (32, 1), (33, 3), (48, 2)]:
        off = abs(painted(stage(config, window_px=window_px, micro_batch=micro_batch), picture) - whole)
        assert off.max() <= (0 if computes_bf16(CPU) else 1)
        assert (off > 0).mean() < 1e-5


@given(st.randoms(use_true_random=False), st.sampled_from(["bf16", "fp32"]))
@settings(max_examples=6, deadline=None)
def test_windows_painted_in_any_order_and_company_are_the_same(random: object, dtype: Dtype) -> None:
    worker = stage(DOUBLE, window_px=24, micro_batch=3, dtype=dtype)
    sources = worker.look([random_picture(40, 30, seed=i) for i in range(2)], [HOW, replace(HOW, noise_seed=3)])
    work = [(source, window) for source in sources for window in worker.windows(source.picture)]
    order = list(range(len(work)))
    random.shuffle(order)  # type: ignore[attr-defined]
    in_order = list(worker.paint(work))
    shuffled = dict(zip(order, worker.paint([work[i] for i in order]), strict=True))
    assert all(np.array_equal(shuffled[i], each) for i, each in enumerate(in_order))


@pytest.mark.parametrize("config", [DOUBLE, QUADRUPLE, replace(DOUBLE, factor=3)])
def test_unrounded_values_are_equal_too_and_a_halo_one_pixel_smaller_fails(config: UpscalerConfig) -> None:
    """The halo is exact in both directions, seen on the floats: rounding to 8 bits would forgive a small fault."""
    halo, side, f = halo_of(config), 64, config.factor
    painter = random_upscaler(config).painter.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    torch.manual_seed(0)
    tile, guide = torch.rand(1, 3, side, side) * 2 - 1, torch.randn(1, config.guide_channels, side, side)
    told = torch.tensor([[0.05, -0.4]])

    def paint(start: int, stop: int) -> torch.Tensor:
        noise = NoiseField(seeds=(5,), steps=(0,), top=(start,), left=(start,))
        window = (slice(None), slice(None), slice(start, stop), slice(start, stop))
        with canonical(CanonicalCall(side, 1, "bf16", threads=1), CPU):
            values: torch.Tensor = painter(tile[window], guide[window], told, noise)
        return values

    whole = paint(0, side)[:, :, 30 * f : 36 * f, 30 * f : 36 * f]

    def tiled(margin: int) -> torch.Tensor:
        return paint(30 - margin, 36 + margin)[:, :, margin * f : (margin + 6) * f, margin * f : (margin + 6) * f]

    def off(margin: int) -> float:
        return float((tiled(margin) - whole).abs().max())

    rounding = 0.0 if computes_bf16(CPU) else 2e-6
    assert off(halo) <= rounding
    assert off(halo + 3) <= rounding
    assert off(halo - 1) > 1e-5


def test_a_stage_with_a_halo_one_pixel_smaller_leaves_seams() -> None:
    picture = random_picture(57, 41)
    good = stage(QUADRUPLE, window_px=32)
    short: StageConfig = replace(good.config, halo_px=good.config.halo_px - 1)
    seamed = UpscalerStage(good.network, short, device=CPU)
    assert not np.array_equal(painted(seamed, picture), painted(good, picture))


@pytest.mark.parametrize("blocks", [1, 3])
@pytest.mark.parametrize("factor", [2, 3, 4, 6, 8])
def test_the_measured_halo_is_the_networks_reach(factor: int, blocks: int) -> None:
    """One pixel for each 3x3 convolution at low resolution, and what the finer ones reach, rounded up."""
    config = replace(DOUBLE, factor=factor, blocks=blocks)
    halo = halo_of(config)
    assert 1 + 2 * blocks + 1 <= halo <= 1 + 2 * blocks + 2
    assert measure_halo(random_upscaler(config).painter) == halo


def test_padding_of_the_micro_batch_changes_no_byte() -> None:
    pictures = [random_picture(20, 20, seed=i) for i in range(3)]
    how = [replace(HOW, noise_seed=i) for i in range(3)]
    worker = stage(DOUBLE, window_px=32, micro_batch=4)
    together = list(worker.enlarge(pictures, how))
    for picture, each, found in zip(pictures, how, together, strict=True):
        assert np.array_equal(next(worker.enlarge([picture], [each])), found)


def test_windows_are_kept_exactly_once() -> None:
    worker = stage(DOUBLE, window_px=24)
    picture = random_picture(40, 31)
    windows: list[Window] = list(worker.windows(picture))
    source = worker.look([picture], [HOW])[0]
    kept = sum(part.shape[0] * part.shape[1] for part in worker.paint((source, window) for window in windows))
    assert kept == 80 * 62


def test_the_scale_channel_is_clamped_to_what_was_taught() -> None:
    worker = stage(DOUBLE, window_px=32)
    picture = random_picture(16, 16)

    def at(scale_log2: float) -> Picture:
        return next(worker.enlarge([picture], [replace(HOW, scale_log2=scale_log2)]))

    assert np.array_equal(at(-5.0), at(-1.0))
    assert np.array_equal(at(2.0), at(0.0))
    assert not np.array_equal(at(-1.0), at(0.0))
