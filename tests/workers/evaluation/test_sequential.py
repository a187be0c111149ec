"""Bounds of planned looks against published ones."""

import numpy as np
import pytest
from scipy import stats

from farm.errors import InvalidInput
from workers.evaluation.sequential import Plan, crossing, spending_bounds

FIFTHS = (0.2, 0.4, 0.6, 0.8, 1.0)


def test_bounds_are_the_published_ones_of_lan_and_demets() -> None:
    """Reboussin, DeMets, Kim, Lan, Controlled Clinical Trials 2000: O'Brien-Fleming spending, two-sided 0.05."""
    assert spending_bounds(0.05, FIFTHS) == pytest.approx([4.8769, 3.3569, 2.6803, 2.2898, 2.0310], abs=2e-3)


def test_the_classic_constant_of_o_brien_and_fleming_spends_its_level() -> None:
    """Jennison, Turnbull, "Group sequential methods" 2000, table 2.3: C = 2.040 for five looks at 0.05."""
    assert sum(crossing([2.040 * (5 / look) ** 0.5 for look in range(1, 6)], FIFTHS)) == pytest.approx(0.05, abs=2e-4)


def test_one_look_is_an_ordinary_test() -> None:
    assert spending_bounds(0.04, [1.0]) == pytest.approx([stats.norm.isf(0.02)], abs=1e-4)
    assert Plan((500,)).adjusted(0.013, look=1) == pytest.approx(0.013, rel=1e-2)


def test_simulated_walks_stop_as_often_as_promised() -> None:
    steps = np.random.default_rng(0).normal(size=(40000, 5)) * 0.2**0.5
    z = np.abs(np.cumsum(steps, axis=1)) / np.sqrt(FIFTHS)
    assert np.mean((z > spending_bounds(0.04, FIFTHS)).any(axis=1)) == pytest.approx(0.04, abs=0.003)


def test_adjusted_values_and_thresholds_are_each_other_s_inverse() -> None:
    plan = Plan.even(2000)
    assert plan.portraits == (400, 800, 1200, 1600, 2000)
    for look in range(1, 6):
        for alpha in (0.02, 0.04):
            assert plan.adjusted(plan.threshold(alpha, look=look), look=look) == pytest.approx(alpha, rel=1e-6)
    bound = spending_bounds(0.04, plan.shares)[2]
    assert plan.threshold(0.04, look=3) == pytest.approx(2 * stats.norm.sf(bound), rel=0.02)


def test_early_looks_ask_for_more() -> None:
    plan = Plan.even(1000)
    adjusted = [plan.adjusted(0.01, look=look) for look in range(1, 6)]
    assert adjusted == sorted(adjusted, reverse=True)
    assert adjusted[0] > 0.2 and adjusted[-1] < 0.015


@pytest.mark.parametrize("portraits", [(), (0, 10), (10, 10), (20, 10)])
def test_plans_that_do_not_rise_are_refused(portraits: tuple[int, ...]) -> None:
    with pytest.raises(InvalidInput, match="rising"):
        Plan(portraits)


def test_a_look_beyond_the_plan_is_refused() -> None:
    with pytest.raises(InvalidInput, match="looks 1 to 2"):
        Plan((10, 20)).adjusted(0.1, look=3)
