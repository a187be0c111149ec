"""Portraits as photographed and as drawn; colour plays no part."""

import cv2
import numpy as np
import pytest

from tests.benchmarks.damage import jpeg, resized
from tests.workers.curation.gates.looks import Pixels, look_at, pixels_of
from tests.workers.curation.pictures import PORTRAITS
from workers.curation.gates.drawn import drawn


def pen_drawing(pixels: Pixels) -> Pixels:
    """Ink lines where the tone changes, hatched where it is dark."""
    grey = cv2.GaussianBlur(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), (0, 0), 1.5)
    lines = cv2.adaptiveThreshold(grey, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, 15, 4)
    y, x = np.mgrid[: grey.shape[0], : grey.shape[1]]
    hatch = np.where(grey < 150 + 90 * np.sin((x + y) * 0.9), 40, 245)
    return np.repeat(np.minimum(lines, hatch)[..., None], 3, axis=2).astype(np.uint8)


def test_most_shipped_photographs_look_photographed() -> None:
    values = [float(drawn(look_at(pixels_of(p.name))).value) for p in sorted(PORTRAITS.glob("*.jpg"))]
    assert sum(value < 0.5 for value in values) >= 22


@pytest.mark.parametrize("name", ["001.jpg", "006.jpg", "030.jpg"])
def test_a_pen_drawing_of_the_same_person_looks_drawn_also_smaller_and_saved_badly(name: str) -> None:
    pixels = pixels_of(name)
    pen = pen_drawing(pixels)
    assert drawn(look_at(pen)).value > 0.5
    assert drawn(look_at(jpeg(resized(pen, 0.7, "area"), 60))).value > 0.5
    assert drawn(look_at(pixels)).value < drawn(look_at(pen)).value


def test_colour_plays_no_part() -> None:
    pixels = pixels_of("009.jpg")
    grey = np.repeat(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    assert abs(drawn(look_at(grey)).value - drawn(look_at(pixels)).value) < 0.03
