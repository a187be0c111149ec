"""Giant pictures on the trained weights that ship: the last upscaler once more, in windows nobody can see.

Pictures here are long and narrow, so that several giant windows cost a second; `python -m tests.benchmarks giant`
does the same with whole portraits of 4096 px.
"""

import dataclasses
import json
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from farm.recipe import Recipe, Step
from tests.workers.cascade.shipped import shipped_cascade
from tests.workers.cascade.tiny import random_cascade
from workers.cascade import painter
from workers.cascade.cascade import Cascade
from workers.cascade.pixels import Picture, area_resample
from workers.cascade.stage import Enlargement, Source, UpscalerStage
from workers.cascade.upscaler import Upscaler
from workers.cascade.windows import Window

HOW = Enlargement(noise_seed=2**61 + 5, step=2)
BAND_PX = 96


@pytest.fixture(scope="module")
def cascade() -> Cascade:
    return shipped_cascade()


@pytest.fixture(scope="module")
def stage(cascade: Cascade) -> UpscalerStage:
    return cascade.upscalers[-1]


@pytest.fixture(scope="module")
def source(cascade: Cascade, stage: UpscalerStage) -> Source:
    """A band across the eyes of a painted portrait of 1024 px, longer than a giant window."""
    recipe = Recipe(
        cascade=cascade.digest, latent_seed=3, noise_seed=3, steps=(Step(stage=1), Step(stage=2)), size_px=1024
    )
    (picture,) = cascade.render([recipe])
    return stage.look([np.ascontiguousarray(picture[400 : 400 + BAND_PX])], [HOW])[0]


@pytest.fixture(scope="module")
def whole(stage: UpscalerStage, source: Source) -> Picture:
    """The band enlarged, all its windows in order."""
    return next(stage.enlarge([source.picture], [HOW]))


def kept(stage: UpscalerStage, whole: Picture, window: Window) -> torch.Tensor:
    """The part of the whole that a window stands for."""
    f, rows, columns = stage.factor, window.rows, window.columns
    part = whole[f * rows.keep_start : f * rows.keep_stop, f * columns.keep_start : f * columns.keep_stop]
    return torch.from_numpy(np.ascontiguousarray(part))


def under(stage: UpscalerStage, *, halo_px: int | None = None, **call: int) -> UpscalerStage:
    """The same weights, made for any size: pictures are cut as the stated call says."""
    network = Upscaler(replace(stage.network.config, input_px=4096))
    network.load_state_dict(stage.network.state_dict())
    config = replace(stage.config, call=replace(stage.config.call, **call), halo_px=halo_px or stage.config.halo_px)
    return UpscalerStage(network, config, device=stage.device)


def test_windows_one_by_one_in_random_order_are_the_whole(stage: UpscalerStage, source: Source, whole: Picture) -> None:
    windows = list(stage.windows(source.picture))
    assert len(windows) >= 2
    random.Random(7).shuffle(windows)
    for window in windows:
        (part,) = stage.paint([(source, window)])
        assert torch.equal(torch.from_numpy(part), kept(stage, whole, window))


def test_another_process_paints_the_same_window_from_the_stored_source(
    stage: UpscalerStage, source: Source, whole: Picture, tmp_path: Path
) -> None:
    how = json.dumps(dataclasses.asdict(source.enlargement))
    np.savez(tmp_path / "source.npz", picture=source.picture, guide=source.guide.numpy(), enlargement=how)
    last = len(list(stage.windows(source.picture))) - 1
    module = "tests.workers.cascade.paint_alone"
    told = [str(tmp_path / "source.npz"), str(last), str(tmp_path / "part.npy")]
    subprocess.run([sys.executable, "-m", module, *told], check=True, timeout=300)
    part = torch.from_numpy(np.load(tmp_path / "part.npy"))
    assert torch.equal(part, kept(stage, whole, list(stage.windows(source.picture))[last]))


def test_one_call_over_the_whole_and_small_windows_give_the_same(
    stage: UpscalerStage, source: Source, whole: Picture
) -> None:
    for window_px in (source.picture.shape[1], 300):
        again = next(under(stage, window_px=window_px).enlarge([source.picture], [HOW]))
        assert torch.equal(torch.from_numpy(again), torch.from_numpy(whole)), window_px


def test_a_smaller_halo_leaves_seams(stage: UpscalerStage, source: Source) -> None:
    """Many small windows, and a third of the halo missing: a pixel less hides in the rounding to 8 bits."""
    window_px = 2 * stage.config.halo_px + 10
    small = source.picture[:, :256]
    one, tiled, short = (
        next(each.enlarge([small], [HOW]))
        for each in (
            under(stage, window_px=256),
            under(stage, window_px=window_px),
            under(stage, window_px=window_px, halo_px=stage.config.halo_px - 5),
        )
    )
    assert np.array_equal(tiled, one)
    assert not np.array_equal(short, one)


def test_the_giant_call_comes_from_the_configuration_alone(stage: UpscalerStage, source: Source) -> None:
    own = np.zeros((stage.network.config.input_px,) * 2 + (3,), dtype=np.uint8)
    assert stage.call_for(own) == stage.config.call
    assert stage.call_for(source.picture) == replace(
        stage.config.call, window_px=48 * stage.config.halo_px, micro_batch=1
    )
    wide = under(stage, window_px=2048)
    assert wide.call_for(np.zeros((8, 5000, 3), dtype=np.uint8)).window_px == 2048


def test_a_size_between_two_is_the_next_larger_reduced_once() -> None:
    cascade = random_cascade()
    chain = (Step(stage=1), Step(stage=2), Step(stage=2))
    full = Recipe(cascade=cascade.digest, latent_seed=1, noise_seed=1, steps=chain, size_px=512)
    between = replace(full, size_px=300, resampler="area")
    large, small = cascade.render([full, between])
    assert large.shape == (512, 512, 3)
    assert np.array_equal(small, area_resample(large, height=300, width=300))


def test_giant_steps_hold_one_portrait_at_a_time_and_change_no_byte_for_it() -> None:
    cascade = random_cascade()
    chain = (Step(stage=1), Step(stage=2), Step(stage=2))
    recipes = [Recipe(cascade=cascade.digest, latent_seed=s, noise_seed=s, steps=chain, size_px=512) for s in range(5)]
    alone = [next(cascade.render([recipe])) for recipe in recipes]
    groups = spied(cascade.upscalers[1])
    pictures = cascade.render(recipes)
    assert np.array_equal(next(pictures), alone[0])
    assert groups == [(32, 3), (128, 1)]  # a micro-batch of the ordinary step, then one portrait through the giant one
    assert all(np.array_equal(a, b) for a, b in zip(pictures, alone[1:], strict=True))
    assert [count for side, count in groups if side == 128] == [1] * 5


def spied(stage: UpscalerStage) -> list[tuple[int, int]]:
    """What a stage is asked to enlarge from now on: (side in pixels, how many at once)."""
    groups: list[tuple[int, int]] = []
    look = stage.look

    def watched(pictures: list[Picture], how: list[Enlargement]) -> object:
        groups.append((pictures[0].shape[0], len(pictures)))
        return look(pictures, how)

    stage.look = watched  # type: ignore[method-assign, assignment]
    return groups


def test_the_repeated_step_has_noise_of_its_own() -> None:
    """The step's index keys the noise, never the stage: the same picture twice through one stage gets other noise."""
    stage = random_cascade().upscalers[1]
    picture = np.full((64, 64, 3), 128, dtype=np.uint8)
    first, second = (next(stage.enlarge([picture], [Enlargement(noise_seed=1, step=step)])) for step in (1, 2))
    assert not np.array_equal(first, second)


def test_a_large_window_grown_in_bands_is_the_window_to_the_bit(
    stage: UpscalerStage, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a CPU, behind the blocks, giant windows go through a few rows at a time: a tenth of the memory."""
    window = next(stage.windows(source.picture))
    results = []
    for large_px, band_px in ((1 << 40, 1), (1, 1 << 12), (1, 1 << 14), (1, 1)):
        monkeypatch.setattr(painter, "LARGE_PX", large_px)
        monkeypatch.setattr(painter, "BAND_PX", band_px)
        results += stage.paint([(source, window)])
    assert all(np.array_equal(each, results[0]) for each in results[1:])
    monkeypatch.setattr(painter, "TAIL_REACH_PX", 1)
    assert not np.array_equal(next(stage.paint([(source, window)])), results[0])
