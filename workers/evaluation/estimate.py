"""A measured difference and what its uncertainty is made of: how many portraits, how many photographed people.

The parts of a variance add up because portraits and photos are drawn independently. The reference distribution is
Student's t with the degrees of freedom of Welch and Satterthwaite (Satterthwaite, Biometrics Bulletin 1946).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Part:
    """One source's share of a variance.

    units: how many independent units it was estimated from (portraits, people, training seeds); the variance falls as
    one over their number. df: how well it is known, in degrees of freedom.
    """

    variance: float
    units: int
    df: float


@dataclass(frozen=True)
class Estimate:
    """θ = distance(A, photos) − distance(B, photos), positive where B is nearer; `parts` by source.

    a, b: the two distances themselves, for tables.
    """

    theta: float
    parts: Mapping[str, Part]
    a: float = math.nan
    b: float = math.nan

    @property
    def variance(self) -> float:
        return math.fsum(part.variance for part in self.parts.values())

    @property
    def standard_error(self) -> float:
        return math.sqrt(self.variance)

    @property
    def df(self) -> float:
        """V² / Σ V_g² / df_g; infinite where nothing varies."""
        if self.variance <= 0:
            return math.inf
        return 1 / math.fsum((part.variance / self.variance) ** 2 / part.df for part in self.parts.values())

    @property
    def p(self) -> float:
        """Two-sided, of θ = 0. Exactly equal sets have no spread and p = 1."""
        if self.variance <= 0:
            return 1.0 if self.theta == 0 else 0.0
        return float(2 * stats.t.sf(abs(self.theta) / self.standard_error, self.df))

    def half_width(self, alpha: float) -> float:
        """Half of the two-sided interval of level 1 − alpha."""
        return self.quantile(1 - alpha / 2) * self.standard_error if self.variance > 0 else 0.0

    def quantile(self, probability: float) -> float:
        """Of the t distribution this estimate is judged by."""
        return float(stats.t.ppf(probability, self.df))

    def smallest_visible(self, alpha: float, power: float) -> float:
        """The true difference that would be found at level alpha with this probability: (t_{1−α/2} + t_power) · SE."""
        if self.variance <= 0:
            return 0.0
        return (self.quantile(1 - alpha / 2) + self.quantile(power)) * self.standard_error


def part_of(left_out: Array) -> Part:
    """Delete-one-cluster jackknife: (G − 1)/G · Σ (θ₍g₎ − θ̄)², from θ without each of the G clusters, float64 [G].

    The degrees of freedom fall below G − 1 where few clusters carry the variance: a variance of G draws with kurtosis
    κ is known about as well as one of 2G/(κ − 1) normal ones.
    """
    count = len(left_out)
    deviations = left_out - left_out.mean()
    variance = float((count - 1) / count * np.sum(deviations**2))
    return Part(variance, count, known_to(deviations))


def known_to(deviations: Array) -> float:
    """Degrees of freedom of a variance of these G deviations: min(G − 1, 2G/(κ − 1)), at least 1."""
    count = len(deviations)
    second = float(np.mean(deviations**2))
    if second <= 0:
        return float(count - 1)
    kurtosis = float(np.mean((deviations**2 / second) ** 2))
    return float(min(count - 1, max(1.0, 2 * count / max(kurtosis - 1, 1e-9))))
