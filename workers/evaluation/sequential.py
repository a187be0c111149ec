"""Planned looks at growing sets of portraits, with O'Brien and Fleming's spending of the error (Lan, DeMets 1983).

At share t of the planned portraits α*(t) = 4 − 4Φ(z_{1−α/4} / √t) of the false alarms may have happened, half of them
on either side. The bounds follow by recursion over the looks (Armitage, McPherson, Rowe, JRSS A 1969): the estimate
moves like a Brownian motion in its information. The photos do not grow with the looks; looks then resemble each other
more than planned, and the bounds are safe, not exact.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize
from scipy.special import ndtr, ndtri

from farm.errors import InvalidInput

LOOKS = 5
_GRID = 301  # points of a density; bounds are exact to 1e-4
_Z_MAX = 12.0  # beyond it no p-value is told apart from 0


@dataclass(frozen=True)
class Plan:
    """Looks fixed beforehand: after how many portraits a side, rising; the last is what was planned in all."""

    portraits: tuple[int, ...]

    def __post_init__(self) -> None:
        rising = all(low < high for low, high in zip(self.portraits, self.portraits[1:], strict=False))
        if not self.portraits or self.portraits[0] < 1 or not rising:
            raise InvalidInput(f"looks are rising numbers of portraits, not {self.portraits}")

    @classmethod
    def even(cls, portraits: int, looks: int = LOOKS) -> "Plan":
        """`looks` equally far apart, the last at `portraits`."""
        return cls(tuple(math.ceil(portraits * look / looks) for look in range(1, looks + 1)))

    @property
    def shares(self) -> tuple[float, ...]:
        return tuple(count / self.portraits[-1] for count in self.portraits)

    def adjusted(self, p: float, *, look: int) -> float:
        """`p`, seen at `look` (from 1), as the level at which a design with these looks would just stop here.

        It is compared with α, or given to Holm, like the p-value of a single look.
        """
        if not 1 <= look <= len(self.portraits):
            raise InvalidInput(f"there are looks 1 to {len(self.portraits)}, not {look}")
        levels, thresholds = _table(self.shares)
        return float(np.exp(np.interp(math.log(max(p, 1e-300)), np.log(thresholds[:, look - 1]), np.log(levels))))

    def threshold(self, alpha: float, *, look: int) -> float:
        """The p-value below which `look` stops at level alpha: the inverse of `adjusted`."""
        levels, thresholds = _table(self.shares)
        return float(np.exp(np.interp(math.log(alpha), np.log(levels), np.log(thresholds[:, look - 1]))))


def spending_bounds(alpha: float, shares: Sequence[float]) -> list[float]:
    """|z| beyond which each look stops, for two-sided level `alpha` and looks at these shares of the information."""
    spent = [4 * float(ndtr(float(ndtri(alpha / 4)) / math.sqrt(share))) for share in shares]
    return _bounds(np.diff(spent, prepend=0.0), shares)


def crossing(bounds: Sequence[float], shares: Sequence[float]) -> list[float]:
    """The probability to stop first at each look, under no difference."""
    return [mass for mass, _ in _walk(list(bounds), shares)]


def _walk(bounds: list[float], shares: Sequence[float]) -> list[tuple[float, "_Density"]]:
    found: list[tuple[float, _Density]] = []
    density = _Density.start()
    before = 0.0
    for bound, share in zip(bounds, shares, strict=True):
        step = math.sqrt(share - before)
        found.append((density.beyond(bound * math.sqrt(share), step), density))
        density, before = density.moved(bound * math.sqrt(share), step), share
    return found


def _bounds(spend: NDArray[np.float64], shares: Sequence[float]) -> list[float]:
    density, before, bounds = _Density.start(), 0.0, []
    for mass, share in zip(spend, shares, strict=True):
        step, root = math.sqrt(share - before), math.sqrt(share)
        bounds.append(_bound(density, float(mass), step, root))
        density, before = density.moved(bounds[-1] * root, step), share
    return bounds


def _bound(density: "_Density", mass: float, step: float, root: float) -> float:
    if density.beyond(_Z_MAX * root, step) >= mass:
        return _Z_MAX
    return float(optimize.brentq(lambda z: density.beyond(z * root, step) - mass, 0.0, _Z_MAX, xtol=1e-8))


@dataclass(frozen=True)
class _Density:
    """Where the walk is that has not stopped: points and the probability mass at each."""

    points: NDArray[np.float64]
    masses: NDArray[np.float64]

    @classmethod
    def start(cls) -> "_Density":
        return cls(np.zeros(1), np.ones(1))

    def beyond(self, edge: float, step: float) -> float:
        """The probability to be outside ± edge after a normal step of this deviation."""
        return float(self.masses @ (ndtr((self.points - edge) / step) + ndtr((-self.points - edge) / step)))

    def moved(self, edge: float, step: float) -> "_Density":
        """The same after the step, within ± edge, by Simpson's rule."""
        points = np.linspace(-edge, edge, _GRID)
        weights = np.full(_GRID, 2.0)
        weights[1::2], weights[[0, -1]] = 4.0, 1.0
        away = (points[:, None] - self.points) / step
        density = np.exp(-away * away / 2) @ self.masses / (step * math.sqrt(2 * math.pi))
        return _Density(points, density * weights * (points[1] - points[0]) / 3)


@functools.lru_cache(maxsize=64)
def _table(shares: tuple[float, ...]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Levels [L], rising, and the two-sided p-value at which each look stops under each, [L, looks]."""
    levels = np.concatenate([np.geomspace(1e-9, 0.9, 48), [1.0]])
    bounds = np.array([spending_bounds(level, shares) for level in levels[:-1]])
    thresholds = np.vstack([2 * ndtr(-bounds), np.ones(len(shares))])
    return levels, np.maximum.accumulate(np.maximum(thresholds, 1e-290), axis=0)
