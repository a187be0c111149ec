"""Corrections against values worked out by hand and by scipy."""

import pytest
from scipy import stats

from workers.evaluation.multiplicity import benjamini_hochberg, holm


def test_holm_is_what_the_definition_gives() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([0.02]) == [0.02]
    assert holm([]) == []


def test_benjamini_hochberg_is_that_of_scipy() -> None:
    ps = [0.001, 0.2, 0.03, 0.04, 0.9]
    assert benjamini_hochberg(ps) == pytest.approx(list(stats.false_discovery_control(ps)))
    assert benjamini_hochberg(ps)[:3] == pytest.approx([0.005, 0.25, 0.2 / 3])
    assert benjamini_hochberg([]) == []
