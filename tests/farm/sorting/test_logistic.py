"""The arithmetic of the ranking against closed forms and an optimiser that is not ours."""

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from farm.sorting.logistic import fit, log_loss, sigmoid, solve


def problem(seed: int, count: int = 60, size: int = 4) -> tuple[list[list[float]], list[float]]:
    chance = random.Random(seed)
    columns = [[chance.gauss(0, 1) for _ in range(count)] for _ in range(size)]
    labels = [float(columns[0][i] - columns[1][i] + chance.gauss(0, 1) > 0) for i in range(count)]
    return columns, labels


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("penalty", [0.3, 1.0, 30.0])
def test_newton_finds_the_minimum_that_a_general_optimiser_finds(seed: int, penalty: float) -> None:
    columns, labels = problem(seed)
    x, y = np.array(columns).T, np.array(labels)

    def objective(w: np.ndarray) -> float:
        s = x @ w[:-1] + w[-1]
        return float(np.sum(np.logaddexp(0, s) - y * s) + penalty / 2 * np.sum(w[:-1] ** 2))

    expected = minimize(objective, np.zeros(5), method="BFGS", options={"gtol": 1e-8}).x

    assert fit(columns, labels, penalty=penalty) == pytest.approx(expected, abs=2e-3)


def test_labels_that_a_line_parts_still_have_a_finite_fit() -> None:
    weights = fit([[-2.0, -1.0, 1.0, 2.0]], [0.0, 0.0, 1.0, 1.0], penalty=1.0)

    assert all(map(math.isfinite, weights))
    assert weights[0] > 0
    assert weights[1] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_labels_of_one_kind_and_columns_that_say_nothing_end_finite(label: float) -> None:
    assert all(map(math.isfinite, fit([[0.0] * 5, [1e6] * 5], [label] * 5, penalty=1.0)))


@settings(deadline=None)
@given(st.integers(1, 12), st.integers(0, 10**6))
def test_a_positive_definite_system_is_solved(size: int, seed: int) -> None:
    chance = np.random.default_rng(seed)
    root = chance.normal(size=(size, size))
    matrix, right = root @ root.T + np.eye(size), chance.normal(size=size)

    found = solve([list(matrix[i, : i + 1]) for i in range(size)], list(right))

    assert found == pytest.approx(np.linalg.solve(matrix, right), rel=1e-6, abs=1e-8)


def test_a_sigmoid_never_overflows() -> None:
    assert [sigmoid(x) for x in (-1e9, 0.0, 1e9)] == [pytest.approx(0, abs=1e-300), 0.5, 1.0]
    assert log_loss([0.5, 0.5], [0, 1]) == pytest.approx(math.log(2))
