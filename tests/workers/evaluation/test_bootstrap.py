"""The bootstrap over clusters against variances that are known."""

import numpy as np
import pytest

from workers.evaluation.bootstrap import Pool, relative_distance
from workers.evaluation.verdict_figures import distance_of, moments


def along(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """A distance that is linear where A lies above: its bootstrap variance is that of a mean."""
    return (one - other)[..., 0]


def pool(seed: int, clusters: np.ndarray) -> tuple[Pool, np.ndarray]:
    values = np.random.default_rng(seed).normal(size=(len(clusters), 1)).astype(np.float32)
    return Pool.of(values, clusters), values


def test_a_linear_distance_has_the_variance_of_a_mean() -> None:
    (a, of_a), (b, of_b), (r, _) = (pool(seed, np.arange(300)) for seed in range(3))
    found = relative_distance(a, b, r, along, paired=False)
    assert found.theta == pytest.approx(of_a.mean() - of_b.mean(), abs=1e-6)
    assert found.parts["photos"].variance == pytest.approx(0, abs=1e-12)
    for name, values in (("portraits_a", of_a), ("portraits_b", of_b)):
        assert found.parts[name].variance == pytest.approx(values.var(ddof=1) / 300, rel=0.25)


def test_pairs_are_drawn_together() -> None:
    (a, _), (r, _) = pool(0, np.arange(300)), pool(1, np.arange(300))
    found = relative_distance(a, Pool(a.sums - 1, a.sizes), r, along, paired=True)
    assert found.theta == pytest.approx(1, abs=1e-6)
    assert found.parts["portraits"].variance == pytest.approx(0, abs=1e-9)


def test_a_person_is_drawn_with_all_photos() -> None:
    people = np.repeat(np.arange(40), 5)
    values = np.repeat(np.random.default_rng(3).normal(size=(40, 1)), 5, axis=0).astype(np.float32)
    a, b = (pool(seed, np.arange(50))[0] for seed in range(2))

    def squared(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        return (one - other)[..., 0] ** 2

    grouped = relative_distance(a, b, Pool.of(values, people), squared, paired=False).parts["photos"]
    apart = relative_distance(a, b, Pool.of(values, np.arange(200)), squared, paired=False).parts["photos"]
    assert grouped.units == 40
    assert grouped.variance == pytest.approx(5 * apart.variance, rel=0.4)


def test_frechet_of_moments_is_that_of_two_normal_distributions_known_in_closed_form() -> None:
    draw = np.random.default_rng(4)
    one, other = draw.normal(size=(60000, 3)) * 2 + 1, draw.normal(size=(60000, 3))
    means = [moments(each.astype(np.float32)).mean(axis=0, dtype=np.float64) for each in (one, other)]
    assert distance_of("frechet")(*means) == pytest.approx(3 * 1 + 3 * (2 - 1) ** 2, abs=0.1)
