"""Shrunk and enlarged pictures get the size they were shrunk to; untouched ones keep theirs."""

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.workers.curation.gates.damage import Pixels, grey, look_at, pixels, resized, through_jpeg
from workers.curation.gates.native_size import native_size

FILTERS = [
    Image.Resampling.NEAREST,
    Image.Resampling.BILINEAR,
    Image.Resampling.BICUBIC,
    Image.Resampling.LANCZOS,
    Image.Resampling.BOX,
]


def share(picture: Pixels | bytes) -> float:
    """Native size over the frame's side."""
    look = look_at(picture)
    return float(native_size(look).value) / look.frame.px


@pytest.mark.parametrize("how", FILTERS)
@pytest.mark.parametrize("factor", [2, 3.3])
def test_an_enlarged_portrait_gets_its_true_size(factor: float, how: Image.Resampling) -> None:
    assert share(resized(pixels("001.jpg"), factor, how)) == pytest.approx(1 / factor, rel=0.15)


@pytest.mark.parametrize("how", [Image.Resampling.NEAREST, Image.Resampling.BILINEAR, Image.Resampling.BOX])
def test_also_when_saved_as_jpeg_afterwards(how: Image.Resampling) -> None:
    assert share(through_jpeg(resized(pixels("014.jpg"), 3, how), 95)) == pytest.approx(1 / 3, rel=0.15)


def test_also_in_grey() -> None:
    enlarged = grey(resized(pixels("028.jpg"), 2, Image.Resampling.BICUBIC))
    assert share(enlarged) == pytest.approx(0.5, rel=0.15)


@pytest.mark.parametrize("name", ["001.jpg", "009.jpg", "023.jpg", "059.jpg", "064.jpg"])
def test_an_untouched_portrait_keeps_its_size(name: str) -> None:
    assert share(pixels(name)) == 1
    assert share(through_jpeg(pixels(name), 80)) > 0.85


def test_a_blurred_portrait_is_smaller_the_more_it_is_blurred() -> None:
    shares = [share(np.asarray(cv2.GaussianBlur(pixels("011.jpg"), (0, 0), s), np.uint8)) for s in (1, 2, 4)]
    assert 0.8 > shares[0] > shares[1] > shares[2] > 0.1


def test_measurements_say_what_was_found() -> None:
    found = native_size(look_at(resized(pixels("001.jpg"), 3, Image.Resampling.BILINEAR)))
    assert found.details["enlarged"] == pytest.approx(3, rel=0.03)
    assert found.details["crossings"] > 3.5
    assert "was enlarged ×" in found.reason


@pytest.mark.parametrize("side", [16, 64, 200])
def test_a_plain_surface_tells_nothing_and_keeps_its_size(side: int) -> None:
    assert share(np.full((side, side, 3), 90, np.uint8)) == 1
