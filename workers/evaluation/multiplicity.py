"""Several figures, one verdict: p-values that keep their promise when more than one is looked at."""

from collections.abc import Sequence

import numpy as np
from scipy import stats


def holm(ps: Sequence[float]) -> list[float]:
    """Adjusted p-values that bound the chance of any false alarm (Holm, Scand. J. Statistics 1979)."""
    order = np.argsort(ps, kind="stable")
    adjusted = np.empty(len(ps))
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(ps) - rank) * ps[index]))
        adjusted[index] = largest
    return [float(p) for p in adjusted]


def benjamini_hochberg(ps: Sequence[float]) -> list[float]:
    """Adjusted p-values that bound the share of false ones among the marked (Benjamini and Hochberg, JRSS B 1995)."""
    return [float(p) for p in stats.false_discovery_control(ps, method="bh")] if ps else []
