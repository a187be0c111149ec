"""An upscaler's samples: crop, small picture and box belong together."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from workers.cascade.config import UpscalerConfig
from workers.training.ahead import Ahead
from workers.training.config import UpscalingConfig
from workers.training.data import Frames, PhotoFolder, teaching_photos
from workers.training.degradation import add_noise
from workers.training.frame_disk import FrameDisk
from workers.training.presets import run_config
from workers.training.spectrum import grid_ratio
from workers.training.upscaler_batch import collate
from workers.training.upscaler_samples import SampleMaker, scale_steps, window_px

NETWORK = UpscalerConfig(factor=2, input_px=16, channels=8, blocks=1, full_channels=4, guide_input_px=16, guide_width=8)


@pytest.fixture(scope="module")
def frames(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Frames:
    photos = teaching_photos(data_dir, split="train", min_native_px=16, size_px=16)
    return FrameDisk(source=PhotoFolder(data_dir / "photos"), folder=tmp_path_factory.mktemp("cache")).open(
        photos, size_px=None
    )


def maker(frames: Frames, *, pool: int = 0) -> SampleMaker:
    run = run_config("smoke-up-32", dataset="tiny@1", seed=5)
    pictures = [np.full((16, 16, 3), 10 * index, dtype=np.uint8) for index in range(pool)]
    return SampleMaker(run, network=NETWORK, frames=frames, pool=pictures)


def test_the_clean_crop_is_the_area_mean_of_the_photos_crop(frames: Frames) -> None:
    samples = maker(frames)
    for index in range(20):
        sample = samples.sample(index)
        means = sample.real.reshape(8, 2, 8, 2, 3).mean(axis=(1, 3))
        assert np.abs(means - sample.clean).max() <= 0.5
        assert sample.small.shape[0] in range(12, 17)
        assert sample.scale_log2 == pytest.approx(np.log2(sample.small.shape[0] / 16))


def test_a_sample_depends_on_its_index_alone(frames: Frames) -> None:
    samples = maker(frames, pool=3)
    first = [samples.sample(index) for index in (4, 5)]
    again = [samples.sample(index) for index in (5, 4)]
    for one, other in zip(first, again[::-1], strict=True):
        np.testing.assert_array_equal(one.small, other.small)
        np.testing.assert_array_equal(one.real, other.real)


def test_samples_made_ahead_on_threads_are_the_same_in_the_same_order(frames: Frames) -> None:
    make = maker(frames, pool=3).sample
    ahead = Ahead(make, threads=2)
    for start in (0, 4, 8):
        for index, sample in zip(range(start, start + 4), ahead.take(range(start, start + 4)), strict=True):
            np.testing.assert_array_equal(sample.small, make(index).small)


def test_a_large_photo_is_shown_as_often_as_it_has_crops(frames: Frames) -> None:
    run = run_config("smoke-up-32", dataset="tiny@1", seed=5)
    assert run.upscaling is not None
    weighted = replace(run, upscaling=replace(run.upscaling, by_area=True))
    # 48 px is more than the stage's 32; at least 24 px are needed: (32 / 24)^2 rounds to 2
    samples = SampleMaker(weighted, network=NETWORK, frames=frames, pool=())
    assert samples.shown == [photo for photo in range(8) for _ in range(2)]


def test_every_batch_holds_the_same_share_of_stage_outputs_and_their_judge_sees_no_condition(
    frames: Frames,
) -> None:
    samples = [maker(frames, pool=3).sample(index) for index in range(16)]
    for start in range(0, 16, 4):
        assert sum(sample.staged for sample in samples[start : start + 4]) == 2
    assert not any(sample.shown for sample in samples if sample.staged)
    assert any(sample.shown for sample in samples if not sample.staged)


def test_windows_stay_inside_the_picture_and_hold_the_crop(frames: Frames) -> None:
    samples = [maker(frames).sample(index) for index in range(12)]
    window = window_px(UpscalingConfig(crop_px=8, context_px=2))
    batch = collate(samples, network=NETWORK, window=window, device=torch.device("cpu"))
    assert batch.tile.shape == (12, 3, 12, 12)
    for sample, top, left, (y, x) in zip(samples, batch.places.top, batch.places.left, batch.inside, strict=True):
        assert 0 <= top <= sample.small.shape[0] - 12
        assert (top + y, left + x) == (sample.top, sample.left)
    # The judged part of a window enlarged by repetition, shrunk again, is the small picture under the crop.
    judged = batch.judged(batch.tile.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3))
    small = samples[3].small[samples[3].top : samples[3].top + 8, samples[3].left : samples[3].left + 8]
    np.testing.assert_allclose(judged[3, :, ::2, ::2].permute(1, 2, 0), small / 127.5 - 1, atol=1e-6)


def test_a_photo_teaches_at_its_own_scale_and_never_above_its_detail() -> None:
    how = UpscalingConfig(crop_px=8, context_px=2, scale_low=0.3)
    assert scale_steps(NETWORK, how, 48) == (12, 16)  # 12: a whole window
    assert scale_steps(NETWORK, how, 27) == (12, 13)


def test_noise_is_zero_mean_and_as_strong_as_told() -> None:
    grey = np.full((64, 64, 3), 128, dtype=np.uint8)
    noisy = add_noise(grey, 0.1, np.random.default_rng(0)).astype(np.float64)
    assert noisy.mean() == pytest.approx(128, abs=0.5)
    assert noisy.std() == pytest.approx(12.75, rel=0.05)
    assert add_noise(grey, 0.0, np.random.default_rng(0)) is grey


def test_a_dotted_grid_shows_in_the_spectrum_and_noise_does_not() -> None:
    random = np.random.default_rng(0)
    noise = [random.integers(100, 156, (128, 128, 3), dtype=np.uint8) for _ in range(2)]
    dots = np.zeros((128, 128, 1), dtype=np.uint8)
    dots[::4, ::4] = 30
    assert 0.5 < grid_ratio(noise, 4) < 2
    assert grid_ratio([picture + dots for picture in noise], 4) > 10
