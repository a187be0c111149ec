"""The synthetic damage that the gates are measured with does what it says."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.benchmarks import damage
from tests.workers.curation.pictures import portrait


@pytest.fixture(scope="module")
def photo() -> damage.Pixels:
    return np.array(Image.open(io.BytesIO(portrait())).convert("RGB"))[200:456, 300:620]


def spectrum_beyond(pixels: damage.Pixels, share_of_nyquist: float) -> float:
    grey = pixels.mean(axis=2)
    window = np.outer(*(np.hanning(side) for side in grey.shape))
    power = np.abs(np.fft.fft2((grey - grey.mean()) * window)) ** 2
    y, x = np.meshgrid(*(np.abs(np.fft.fftfreq(side)) * 2 for side in grey.shape), indexing="ij")
    return float(power[np.maximum(x, y) > share_of_nyquist].sum() / power.sum())


@pytest.mark.parametrize("kind", ["bilinear", "bicubic", "lanczos"])
def test_small_and_back_leaves_little_beyond_the_small_pictures_nyquist(photo: damage.Pixels, kind: str) -> None:
    soft = damage.small_and_back(photo, 2.5, kind)
    assert soft.shape == photo.shape
    assert spectrum_beyond(soft, 0.6) < 0.2 * spectrum_beyond(photo, 0.6)


def test_a_cut_jpeg_has_its_grid_where_it_was_cut(photo: damage.Pixels) -> None:
    steps = np.abs(np.diff(damage.jpeg(photo, 20, grid=(0, 3)).mean(axis=2), axis=1)).mean(axis=0)
    assert np.argmax([steps[phase::8].mean() for phase in range(8)]) == 8 - 3 - 1


@pytest.mark.parametrize("shape", ["round", "line", "diamond"])
def test_a_halftone_has_its_period_and_the_picture_s_greys(photo: damage.Pixels, shape: str) -> None:
    ramp = np.repeat(np.repeat(np.linspace(40, 220, 240)[None, :, None], 240, 0), 3, 2).astype(np.uint8)
    printed = damage.halftone(ramp, 6.0, angle_deg=0, shape=shape)[..., 0].astype(float)
    means = printed.reshape(240, 8, 30).mean(axis=(0, 2))
    assert np.all(np.diff(means) > 5)
    if shape == "round":
        power = np.abs(np.fft.rfft(printed[:, 120] - printed[:, 120].mean()))
        assert np.argmax(power) == 240 // 6


def test_noise_has_the_strength_asked_for_and_the_seed_decides_it() -> None:
    flat = np.full((64, 64, 3), 128, dtype=np.uint8)
    for noisy in (damage.gaussian_noise(flat, 8, 1), damage.film_grain(flat, 8, 0.8, 1)):
        assert abs(noisy.std() - 8) < 1.2
    assert abs(damage.poisson_noise(flat, 10, 1).std() - 10 * np.sqrt(128 / 255)) < 0.5
    assert np.array_equal(damage.gaussian_noise(flat, 8, 1), damage.gaussian_noise(flat, 8, 1))
    assert not np.array_equal(damage.gaussian_noise(flat, 8, 1), damage.gaussian_noise(flat, 8, 2))


def test_a_crop_cuts_off_the_share_asked_for(photo: damage.Pixels) -> None:
    for seed in range(20):
        left = damage.cropped(photo, 0.3, seed)
        assert 0.68 < left.shape[0] * left.shape[1] / (photo.shape[0] * photo.shape[1]) < 0.72


def test_borders_light_and_motion(photo: damage.Pixels) -> None:
    assert (damage.bordered(photo, 0.1)[:25] == 255).all()
    assert damage.exposed(photo, 1).mean() > photo.mean() > damage.exposed(photo, -1).mean()
    across = np.abs(np.diff(damage.moved(photo, 9, 0).astype(float), axis=1)).mean()
    along = np.abs(np.diff(damage.moved(photo, 9, 90).astype(float), axis=1)).mean()
    assert across < along < np.abs(np.diff(photo.astype(float), axis=1)).mean()
    assert damage.sharpened(photo, 1.0).std() > photo.std()
    assert np.ptp(damage.grey(photo), axis=2).max() == 0
