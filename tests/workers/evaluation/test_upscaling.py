"""Checks of an upscaler's output, on real portraits enlarged well and badly."""

import cv2
import numpy as np
import pytest

from farm.errors import InvalidInput
from tests.workers.evaluation.pictures import Pictures, photos
from workers.evaluation.upscaling import downsample_consistency_db, psnr_db, seam_ratio, shift_stability_db, shifted

FACTOR = 4
LINES = (64, 128, 192)


def enlarged(picture: Pictures) -> Pictures:
    side = FACTOR * len(picture)
    return np.asarray(cv2.resize(picture, (side, side), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def test_an_enlargement_keeps_its_input_and_a_brighter_one_does_not() -> None:
    source = photos(64)[0]
    kept = downsample_consistency_db(enlarged(source), source)
    brighter = np.clip(enlarged(source).astype(int) + 12, 0, 255).astype(np.uint8)
    assert kept > 35 > 28 > downsample_consistency_db(brighter, source)


def test_tiles_painted_apart_leave_seams() -> None:
    whole = photos(256)
    seamed = whole.copy()
    seamed[:, 64:128] = np.clip(seamed[:, 64:128].astype(int) + 4, 0, 255)
    assert 0.8 < seam_ratio(whole, LINES) < 1.2 < seam_ratio(seamed, LINES)


def test_an_upscaler_bound_to_places_is_not_stable() -> None:
    source = photos(64)[2]
    stable = shift_stability_db(enlarged(source), enlarged(shifted(source)), FACTOR)
    noise = np.random.default_rng(0).normal(0, 6, (256, 256, 3))
    bound = [np.clip(enlarged(each) + noise, 0, 255).astype(np.uint8) for each in (source, shifted(source))]
    assert stable > 45 > 35 > shift_stability_db(bound[0], bound[1], FACTOR)


def test_what_cannot_be_compared_is_refused() -> None:
    source = photos(64)[0]
    with pytest.raises(InvalidInput, match="no whole enlargement"):
        downsample_consistency_db(photos(96)[0], source)
    with pytest.raises(InvalidInput, match="one shape"):
        psnr_db(source, photos(96)[0])
    with pytest.raises(InvalidInput, match="lines 64 to 64 do not lie"):
        seam_ratio(source[None], [64])
    with pytest.raises(InvalidInput, match="no line between tiles"):
        seam_ratio(source[None], [])
