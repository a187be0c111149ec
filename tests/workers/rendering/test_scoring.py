"""Scores of pictures: exact, in their units, and an order that heeds likeness."""

import math

import numpy as np
import pytest

from workers.rendering.scoring import (
    ALIKE_COST,
    ALIKE_LEVELS,
    FEATURE_PX,
    apart_levels,
    feature,
    order,
    percentiles,
    quality,
    sharpness,
)


def plain(level: int, side: int = 64) -> np.ndarray:
    return np.full((side, side, 3), level, dtype=np.uint8)


def checkered(side: int = 64) -> np.ndarray:
    grid = np.indices((side, side)).sum(axis=0) % 2
    return np.repeat((255 * grid).astype(np.uint8)[:, :, None], 3, axis=2)


def test_sharpness_is_nothing_on_a_plain_ground_and_most_on_a_chessboard() -> None:
    assert sharpness(plain(77)) == 0.0
    assert sharpness(checkered()) == 4 * 255


def test_sharpness_looks_at_the_middle_half_alone() -> None:
    picture = checkered()
    picture[16:48, 16:48] = 90
    picture[15:49, 15:49] = 90
    assert sharpness(picture) == 0.0


def test_one_bright_pixel_has_the_laplacian_of_the_equation() -> None:
    picture = plain(0)
    picture[32, 32] = (10, 20, 30)
    luma = (299 * 10 + 587 * 20 + 114 * 30) / 1000
    assert sharpness(picture) == pytest.approx(math.sqrt((16 + 4) * luma**2 / 32**2))


def test_a_feature_is_the_area_means_and_distance_is_in_levels() -> None:
    assert feature(plain(50)).tolist() == [50] * (3 * FEATURE_PX**2)
    features = np.stack([feature(plain(level)) for level in (50, 53, 255)])
    assert apart_levels(features, feature(plain(50))).tolist() == [0.0, 3.0, 205.0]


def test_percentiles_count_ties_half() -> None:
    assert percentiles(np.array([3.0, 1.0, 3.0, 9.0])).tolist() == [0.5, 0.125, 0.5, 0.875]


def test_quality_is_what_was_asked_for_and_sharpness_where_there_is_no_judge() -> None:
    judge, sharp = np.array([3.0, 2.0, 1.0]), np.array([1.0, 2.0, 3.0])
    assert quality("judge", judge=judge, sharp=sharp).argmax() == 0
    assert quality("sharpness", judge=judge, sharp=sharp).argmax() == 2
    mixed = quality("mixed", judge=judge, sharp=sharp)
    assert mixed.tolist() == pytest.approx((0.75 * percentiles(judge) + 0.25 * percentiles(sharp)).tolist())
    for rank in ("judge", "mixed"):
        assert quality(rank, judge=None, sharp=sharp).tolist() == percentiles(sharp).tolist()


def levels(*values: int) -> np.ndarray:
    return np.stack([feature(plain(value)) for value in values])


def test_near_duplicates_make_way_for_others() -> None:
    worth = np.array([0.9, 0.89, 0.6, 0.1])
    features = levels(50, 51, 200, 120)
    indices, distances = order(worth, features, count=3)
    assert indices == [0, 2, 1, 3], "the twin costs nearly half a quality"
    assert distances == [math.inf, 150.0, 1.0]
    assert 0.89 - ALIKE_COST * (1 - 1 / ALIKE_LEVELS) < 0.6


def test_without_likeness_the_order_is_by_worth_and_ties_go_to_the_lower_index() -> None:
    worth = np.array([0.5, 0.7, 0.5, 0.7])
    indices, _ = order(worth, levels(0, 60, 120, 180), count=2)
    assert indices == [1, 3, 0, 2]


def test_no_bad_one_is_chosen_for_being_unlike_all_others() -> None:
    count = 1
    worth = np.concatenate([np.linspace(0.9, 1.0, 40), [0.2]])
    indices, _ = order(worth, levels(*([50] * 40), 250), count=count)
    assert indices[0] == 39 and indices[-1] == 40
    indices, _ = order(worth, levels(*([50] * 40), 250), count=2)
    assert 40 not in indices[:2]


def test_more_wanted_than_there_are_gives_all_of_them() -> None:
    indices, distances = order(np.array([0.1, 0.9]), levels(1, 99), count=5)
    assert indices == [1, 0] and len(distances) == 2
