"""Blur is read in pixels, and motion as a direction."""

import cv2
import numpy as np
import pytest

from tests.workers.curation.gates.damage import Pixels, grey, look_at, pixels
from workers.curation.gates.blur import blur


def softened(sigma_px: float) -> Pixels:
    return np.asarray(cv2.GaussianBlur(pixels("001.jpg"), (0, 0), sigma_px), np.uint8)


def moved(length_px: int) -> Pixels:
    line = np.full((1, length_px), 1 / length_px, np.float32)
    return np.asarray(cv2.filter2D(pixels("020.jpg"), -1, line), np.uint8)


@pytest.mark.parametrize("sigma_px", [1.0, 2.0, 4.0])
def test_a_gaussian_is_read_in_pixels(sigma_px: float) -> None:
    assert blur(look_at(softened(sigma_px))).value == pytest.approx(sigma_px, rel=0.25)
    assert blur(look_at(grey(softened(sigma_px)))).value == pytest.approx(sigma_px, rel=0.25)


def test_a_sharp_portrait_is_sharp() -> None:
    found = blur(look_at(pixels("001.jpg")))
    assert float(found.value) < 0.8
    assert found.details["motion"] < 0.4


def test_motion_has_a_direction() -> None:
    found = blur(look_at(moved(13)))
    assert found.details["motion"] > 0.42
    assert "in one direction" in found.reason


@pytest.mark.parametrize("side", [16, 200])
def test_without_edges_nothing_is_told(side: int) -> None:
    assert blur(look_at(np.full((side, side, 3), 128, np.uint8))).value == 0
