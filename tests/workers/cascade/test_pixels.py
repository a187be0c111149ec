"""Roundings and area means are exact."""

import itertools
import random
from fractions import Fraction

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workers.cascade.tiny import random_picture
from workers.cascade.pixels import (
    add_area_sums,
    area_resample,
    area_resample_rows,
    area_sums,
    picture_of,
    tensor_of,
    to_float,
    to_uint8,
)


def test_every_level_survives_the_way_to_float_and_back() -> None:
    levels = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(to_uint8(to_float(levels)), levels)


def test_rounding_is_half_up_after_clamping() -> None:
    values = torch.tensor([-9.0, -1.0, 1.0, 9.0, 2 * 0.5 / 255 - 1, 2 * 0.49 / 255 - 1, 2 * 100.51 / 255 - 1])
    assert to_uint8(values).tolist() == [0, 0, 255, 255, 1, 0, 101]


def test_pictures_and_tensors_are_the_same_pixels() -> None:
    picture = random_picture(5, 7)
    assert np.array_equal(picture_of(tensor_of(picture)), picture)


def overlap(cell: int, cells: int, pixel: int, pixels: int) -> Fraction:
    """How much of a pixel lies in a cell, in pixels."""
    low = max(Fraction(cell * pixels, cells), Fraction(pixel))
    high = min(Fraction((cell + 1) * pixels, cells), Fraction(pixel + 1))
    return max(high - low, Fraction(0))


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 12), st.integers(1, 12), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_area_means_equal_the_definition_in_fractions(h: int, w: int, cells_h: int, cells_w: int, seed: int) -> None:
    picture = random_picture(h, w, seed=seed)
    found = area_resample(picture, height=cells_h, width=cells_w)
    down = np.array([[overlap(c, cells_h, p, h) for p in range(h)] for c in range(cells_h)], dtype=object)
    right = np.array([[overlap(c, cells_w, p, w) for p in range(w)] for c in range(cells_w)], dtype=object)
    area = Fraction(h, cells_h) * Fraction(w, cells_w)
    for channel in range(3):
        mean = down @ picture[:, :, channel].astype(object) @ right.T / area
        assert np.array_equal(found[:, :, channel], np.vectorize(lambda m: int(m + Fraction(1, 2)))(mean))


def test_strips_do_not_show() -> None:
    picture = random_picture(600, 10)
    expected = picture.astype(np.int64).reshape(300, 2, 5, 2, 3).sum(axis=(1, 3))
    # Sums are in units of 1/(cells) of a pixel along each axis.
    assert np.array_equal(area_sums(picture, height=300, width=5), expected * 300 * 5)


def test_the_same_size_is_a_copy() -> None:
    picture = random_picture(31, 17)
    assert np.array_equal(area_resample(picture, height=31, width=17), picture)


def pieces(length: int, cuts: list[int]) -> list[tuple[int, int]]:
    """An axis in parts, cut at some places."""
    edges = sorted({0, length, *(cut % length for cut in cuts)})
    return list(itertools.pairwise(edges))


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 9), st.integers(1, 9), st.lists(st.integers(0, 99)))
@settings(max_examples=60, deadline=None)
def test_sums_of_parts_in_any_order_are_the_sums_of_the_whole(
    h: int, w: int, ch: int, cw: int, cuts: list[int]
) -> None:
    picture = random_picture(h, w)
    total = np.zeros((ch, cw, 3), dtype=np.int64)
    parts = list(itertools.product(pieces(h, cuts), pieces(w, cuts)))
    random.Random(h * w).shuffle(parts)
    for (top, bottom), (left, right) in parts:
        add_area_sums(total, picture[top:bottom, left:right], corner=(top, left), whole=(h, w))
    assert np.array_equal(total, area_sums(picture, height=ch, width=cw))


@given(st.integers(1, 60), st.integers(1, 9), st.integers(1, 60), st.integers(1, 9), st.lists(st.integers(0, 99)))
@settings(max_examples=60, deadline=None)
def test_a_picture_reduced_as_it_passes_is_the_picture_reduced(
    h: int, w: int, ch: int, cw: int, cuts: list[int]
) -> None:
    picture = random_picture(h, w)
    strips = (picture[top:bottom] for top, bottom in pieces(h, cuts))
    passed = np.concatenate(list(area_resample_rows(strips, whole=(h, w), height=ch, width=cw)))
    assert np.array_equal(passed, area_resample(picture, height=ch, width=cw))
