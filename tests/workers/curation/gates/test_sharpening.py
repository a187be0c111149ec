"""Halos grow with the strength of an unsharp mask."""

import cv2
import numpy as np
import pytest

from tests.workers.curation.gates.damage import NAMES, Pixels, look_at, pixels
from workers.curation.gates.sharpening import sharpening


def sharpened(name: str, strength: float) -> Pixels:
    picture = pixels(name).astype(np.float32)
    more = picture + strength * (picture - cv2.GaussianBlur(picture, (0, 0), 1.5))
    return np.clip(np.round(more), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", NAMES)
def test_overshoot_grows_with_the_mask(name: str) -> None:
    found = [float(sharpening(look_at(sharpened(name, strength))).value) for strength in (0, 1, 3)]
    assert found[0] < 0.07
    assert found[0] + 0.02 < found[1] < found[2]


def test_an_ideal_step_has_no_halo_and_a_made_one_its_height() -> None:
    row = np.full(200, 60, np.float32)
    row[100:] = 160
    step = np.repeat(np.tile(row, (200, 1))[..., None], 3, axis=2)
    assert sharpening(look_at(step.astype(np.uint8))).value == 0
    step[:, 98:100], step[:, 100:102] = 40, 180
    assert sharpening(look_at(step.astype(np.uint8))).value == pytest.approx(0.2, abs=0.05)


def test_a_plain_surface_has_none() -> None:
    assert sharpening(look_at(np.full((64, 64, 3), 128, np.uint8))).value == 0
