"""The photos' scale is theirs: what leaving a person out does to it, and through it to a KID."""

import numpy as np
import pytest

from workers.evaluation.relative_mmd import kernel_sums
from workers.evaluation.scale_noise import scale_gradient, scale_moves
from workers.evaluation.scaling import Scale


def test_a_person_left_out_moves_the_scale_as_recomputing_it_does() -> None:
    draw = np.random.default_rng(0)
    raw = (3 + 2 * draw.normal(size=(400, 4))).astype(np.float32)
    people = np.repeat(np.arange(200), 2)
    scale = Scale.of(raw)
    moves = scale_moves(raw, scale, people)
    for person in range(0, 200, 17):
        fresh = Scale.of(raw[people != person])
        np.testing.assert_allclose(moves[person, :4], (fresh.mean - scale.mean) / scale.std, atol=1e-5)
        np.testing.assert_allclose(moves[person, 4:], fresh.std / scale.std - 1, atol=2e-4)


def test_the_gradient_is_that_of_finite_differences() -> None:
    draw = np.random.default_rng(1)
    portraits, photos = (draw.normal(size=(count, 5)).astype(np.float32) for count in (40, 30))
    scale = Scale.of(photos)

    def relative(mean: np.ndarray, std: np.ndarray) -> float:
        moved = Scale((scale.mean + scale.std * mean).astype(np.float32), (scale.std * (1 + std)).astype(np.float32))
        return kernel_sums(moved.apply(portraits), moved.apply(photos)).relative

    found = scale_gradient(scale.apply(portraits), scale.apply(photos))
    step = 1e-2
    for at in range(5):
        one = step * np.eye(5)[at]
        none = np.zeros(5)
        by_mean = (relative(one, none) - relative(-one, none)) / (2 * step)
        by_std = (relative(none, one) - relative(none, -one)) / (2 * step)
        assert found[at] == pytest.approx(by_mean, abs=2e-3)
        assert found[5 + at] == pytest.approx(by_std, abs=2e-3)
