"""Clipped light and shadow."""

import numpy as np

from tests.workers.curation.gates.looks import look_at, pixels_of
from workers.curation.gates.exposure import exposure


def test_a_good_portrait_is_hardly_clipped() -> None:
    assert exposure(look_at(pixels_of("006.jpg"))).value < 0.1


def test_light_poured_in_clips_whites_and_taken_away_blacks() -> None:
    pixels = pixels_of("006.jpg").astype(np.int16)
    over = exposure(look_at(np.clip(pixels * 3, 0, 255).astype(np.uint8)))
    under = exposure(look_at(np.clip(pixels - 120, 0, 255).astype(np.uint8)))
    assert over.value > 0.2
    assert over.details["bright"] > 0.2
    assert under.details["dark"] > 0.2
    assert under.details["middle"] < over.details["middle"]


def test_flat_pictures_have_no_contrast() -> None:
    found = exposure(look_at(np.full((200, 200, 3), 128, np.uint8)))
    assert (found.value, found.details["contrast"], found.details["middle"]) == (0, 0, 0.502)


def test_a_black_ground_behind_the_head_is_no_fault() -> None:
    found = exposure(look_at(pixels_of("030.jpg")))
    assert found.details["dark"] > 0.25
    assert found.value < 0.25
