"""Grey, toned and coloured portraits."""

import numpy as np
import pytest

from tests.workers.curation.gates.looks import Pixels, look_at, pixels_of
from workers.curation.gates.greyscale import GREY_BELOW, colourfulness, greyscale


def grey(pixels: Pixels) -> Pixels:
    return np.repeat(pixels.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)


def sepia(pixels: Pixels) -> Pixels:
    return np.clip(grey(pixels) * np.array([1.0, 0.86, 0.67]) + [12, 8, 4], 0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", ["001.jpg", "006.jpg", "009.jpg", "097.jpg"])
def test_colour_sepia_and_grey_are_told_apart(name: str) -> None:
    pixels = pixels_of(name)
    in_colour, toned, plain = (greyscale(look_at(p)) for p in (pixels, sepia(pixels), grey(pixels)))
    assert in_colour.value > GREY_BELOW
    assert in_colour.details["toned"] < 0.5
    assert toned.value > GREY_BELOW
    assert toned.details["toned"] == 1
    assert plain.value == plain.details["toned"] == 0


def test_colourfulness_is_the_papers() -> None:
    # Half pure red, half pure blue: rg is 255 and 0, yb is 127.5 and -255.
    halves = np.zeros((2, 2, 3), np.uint8)
    halves[0, :, 0], halves[1, :, 2] = 255, 255
    assert colourfulness(halves) == pytest.approx(np.hypot(127.5, 191.25) + 0.3 * np.hypot(127.5, 63.75), rel=1e-5)
