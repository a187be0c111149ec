"""Small pictures made in steps are those made at once, but for rounding."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.workers.curation.pictures import portrait
from workers.curation.shrinking import area_reduced


@pytest.mark.parametrize("size", [(100, 80), (130, 211), (499, 499), (1000, 1000)])
@pytest.mark.parametrize("colour", [True, False])
def test_in_steps_is_as_at_once(size: tuple[int, int], colour: bool) -> None:
    photo = np.array(Image.open(io.BytesIO(portrait())).convert("RGB" if colour else "L"))
    at_once = cv2.resize(photo, size, interpolation=cv2.INTER_AREA).astype(int)
    apart = np.abs(area_reduced(photo, *size) - at_once)
    assert apart.max() <= 6
    assert apart.mean() < 0.6


def test_odd_sides_lose_less_than_one_pixel() -> None:
    ramp = np.repeat(np.linspace(0, 255, 1023)[None, :, None], 517, 0).repeat(3, 2).astype(np.uint8)
    small = area_reduced(ramp, 64, 32)
    assert small.shape == (32, 64, 3)
    assert abs(int(small[0, -1, 0]) - 253) <= 2
