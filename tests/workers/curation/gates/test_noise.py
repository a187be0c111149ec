"""Added noise is read in levels; coarse grain as coarser than a pixel."""

import cv2
import numpy as np
import pytest

from tests.workers.curation.gates.damage import Pixels, look_at, pixels
from workers.curation.gates.noise import noise


def noisy(sigma: float, *, grain_px: float = 0) -> Pixels:
    """Grey noise of `sigma` levels; `grain_px` is the Gaussian that makes it coarse."""
    clean = pixels("011.jpg").astype(np.float32)
    field = np.random.default_rng(1).normal(0, 1, clean.shape[:2]).astype(np.float32)
    if grain_px:
        field = cv2.GaussianBlur(field, (0, 0), grain_px)
    field *= sigma / field.std()
    return np.clip(np.round(clean + field[..., None]), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("sigma", [4.0, 8.0, 16.0])
def test_added_noise_is_read_in_levels(sigma: float) -> None:
    assert noise(look_at(noisy(sigma))).value == pytest.approx(sigma, rel=0.15)


def test_a_clean_portrait_has_little() -> None:
    assert float(noise(look_at(pixels("011.jpg"))).value) < 2.5


def test_coarse_grain_is_told_from_white_noise() -> None:
    white, coarse = noise(look_at(noisy(8))), noise(look_at(noisy(8, grain_px=1)))
    assert white.details["grain"] < 1.5 * float(white.value)
    assert coarse.details["grain"] > 2 * float(coarse.value)
    assert "coarser than a pixel" in coarse.reason


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_plain_surface_has_none(level: int) -> None:
    assert noise(look_at(np.full((100, 100, 3), level, np.uint8))).value == 0
