"""Dot screens at several periods and angles, on portraits; cloth and JPEG blocks are none."""

import numpy as np
import pytest

from tests.benchmarks.damage import halftone as printed
from tests.benchmarks.damage import jpeg
from tests.workers.curation.gates.looks import look_at, pixels_of
from tests.workers.curation.pictures import PORTRAITS
from workers.curation.gates.halftone import halftone


@pytest.mark.parametrize("period_px", [2.5, 4.0, 7.0, 11.0])
@pytest.mark.parametrize("angle_deg", [15.0, 45.0, 71.0])
def test_a_screen_is_seen_with_its_period_also_after_jpeg(period_px: float, angle_deg: float) -> None:
    found = halftone(look_at(jpeg(printed(pixels_of("006.jpg"), period_px, angle_deg), 75)))
    assert found.value > 0.9
    ratio = found.details["period_px"] / period_px
    assert min(abs(ratio - wanted) for wanted in (1, 0.5**0.5, 0.5)) < 0.12  # the lattice, or a harmonic of it


def test_photographs_have_no_screen() -> None:
    values = [float(halftone(look_at(pixels_of(p.name))).value) for p in sorted(PORTRAITS.glob("*.jpg"))]
    assert max(values) < 0.5


@pytest.mark.parametrize("quality", [15, 50])
def test_jpeg_blocks_are_no_screen(quality: int) -> None:
    pixels = pixels_of("009.jpg")
    assert halftone(look_at(jpeg(pixels, quality))).value < 0.5
    enlarged = np.repeat(np.repeat(jpeg(pixels[200:700, 200:700], quality), 2, axis=0), 2, axis=1)
    assert halftone(look_at(enlarged)).value < 0.5


def test_stripes_of_a_suit_are_no_screen() -> None:
    pixels = pixels_of("006.jpg").copy()
    y, x = np.mgrid[:300, : pixels.shape[1]]
    pixels[-300:] = np.clip(pixels[-300:] + (15 * np.sin(0.7 * x + 0.2 * y))[..., None], 0, 255).astype(np.uint8)
    assert halftone(look_at(pixels)).value < 0.5
