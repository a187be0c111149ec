"""Row sums give exactly what leaving out portraits and people one by one gives; intervals hold their promise."""

import numpy as np
import pytest

from workers.evaluation import relative_mmd as module
from workers.evaluation.clusters import numbered
from workers.evaluation.relative_mmd import (
    People,
    kernel_sums,
    linear_own_sums,
    linear_sums,
    own_sums,
    relative_mmd,
)


def cubic(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return (one.astype(np.float64) @ other.T.astype(np.float64) / one.shape[1] + 1) ** 3


def mmd2(x: np.ndarray, r: np.ndarray) -> float:
    """Unbiased MMD² by its definition."""
    own, photos = cubic(x, x), cubic(r, r)
    n, m = len(x), len(r)
    inside = (own.sum() - np.trace(own)) / (n * (n - 1)) + (photos.sum() - np.trace(photos)) / (m * (m - 1))
    return float(inside - 2 * cubic(x, r).mean())


def sets(seed: int = 0, n: int = 23, m: int = 17) -> tuple[np.ndarray, ...]:
    draw = np.random.default_rng(seed)
    a, b, r = (draw.normal(size=(count, 6)).astype(np.float32) for count in (n, n, m))
    return a, b + np.float32(0.3), r, numbered(draw.integers(5, size=m))


def jackknife_by_hand(values: list[float]) -> float:
    count, mean = len(values), np.mean(values)
    return float((count - 1) / count * np.sum((np.array(values) - mean) ** 2))


@pytest.mark.parametrize("block", [4, 2048])
def test_theta_and_both_distances_are_those_of_the_definition(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", block)
    a, b, r, people = sets()
    found = relative_mmd(kernel_sums(a, r), kernel_sums(b, r), People(people), paired=False, photos_own=own_sums(r))
    assert found.a == pytest.approx(mmd2(a, r), abs=1e-5)
    assert found.b == pytest.approx(mmd2(b, r), abs=1e-5)
    assert found.theta == pytest.approx(mmd2(a, r) - mmd2(b, r), abs=1e-5)


@pytest.mark.parametrize("paired", [True, False])
def test_each_part_of_the_variance_is_that_of_recomputing_without_each_cluster(paired: bool) -> None:
    a, b, r, people = sets()
    found = relative_mmd(kernel_sums(a, r), kernel_sums(b, r), People(people), paired=paired).parts

    def theta(a: np.ndarray, b: np.ndarray, r: np.ndarray) -> float:
        return mmd2(a, r) - mmd2(b, r)

    def without(x: np.ndarray, index: int) -> np.ndarray:
        return np.delete(x, index, axis=0)

    rows = range(len(a))
    by_hand = {"photos": [theta(a, b, r[people != person]) for person in range(people.max() + 1)]}
    if paired:
        by_hand["portraits"] = [theta(without(a, i), without(b, i), r) for i in rows]
    else:
        by_hand["portraits_a"] = [theta(without(a, i), b, r) for i in rows]
        by_hand["portraits_b"] = [theta(a, without(b, i), r) for i in rows]
    assert found.keys() == by_hand.keys()
    for name, values in by_hand.items():
        assert found[name].variance == pytest.approx(jackknife_by_hand(values), rel=1e-3), name
        assert found[name].units == len(values)


def test_with_a_linear_kernel_it_is_the_squared_distance_of_means_without_its_bias() -> None:
    a, _, r, people = sets()
    sums = linear_sums(a, r)
    own = relative_mmd(sums, sums, People(people), paired=True, photos_own=linear_own_sums(r))
    noise = sum(x.var(axis=0, ddof=1).sum() / len(x) for x in (a, r))
    biased = float(np.sum((a.mean(axis=0) - r.mean(axis=0)) ** 2))
    assert own.a == pytest.approx(biased - noise, abs=1e-5)
    assert own.theta == 0 and own.p == 1


def test_blocks_in_float32_keep_six_digits_of_a_cubic_kernel_over_many_pictures() -> None:
    draw = np.random.default_rng(1)
    a, r = (draw.normal(size=(count, 300)).astype(np.float32) for count in (3000, 700))
    sums = kernel_sums(a, r)
    own = cubic(a, a)
    np.fill_diagonal(own, 0)
    np.testing.assert_allclose(sums.own, own.sum(axis=1), rtol=1e-6)
    np.testing.assert_allclose(sums.from_photos, cubic(a, r).sum(axis=0), rtol=1e-6)


@pytest.mark.parametrize("moved", [0.0, 0.6])
def test_intervals_hold_the_truth_with_few_people_whose_photos_resemble_each_other(moved: float) -> None:
    """Two samples of one generator, 15 people with up to 4 photos; a naive jackknife over photos fails this."""
    alarms, naive, repetitions = 0, 0, 400
    for number in range(repetitions):
        draw = np.random.default_rng([2, number])
        a, b = (draw.normal(size=(200, 5)).astype(np.float32) + np.float32(moved) for _ in range(2))
        a[:, 0] += 1
        b[:, 1] += 1  # both equally far from the photos, in different directions
        people = np.repeat(np.arange(15), draw.integers(1, 5, size=15))
        faces = draw.normal(size=(15, 5))[people]
        r = (faces + 0.1 * draw.normal(size=faces.shape)).astype(np.float32)
        sums = kernel_sums(a, r), kernel_sums(b, r)
        alarms += relative_mmd(*sums, People(people), paired=False).p < 0.05
        naive += relative_mmd(*sums, People(np.arange(len(r))), paired=False).p < 0.05
    assert alarms / repetitions < 0.08
    assert naive > alarms + 0.02 * repetitions
