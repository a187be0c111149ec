"""How much more it would take to tell a difference apart, and what stands in the way."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from scipy import stats

from workers.evaluation.estimate import Estimate, Part

POWER = 0.8
MOST = 10_000_000
"""Beyond this many the answer is: nobody will."""


@dataclass(frozen=True, kw_only=True)
class Needed:
    """Units a side, or in all, with which a difference as large as the observed one is found with 80 % probability.

    portraits: with the photos as they are; None where no number of portraits is enough. people: with the portraits as
    they are; None likewise. times: by how much everything together has to grow. seeds: training seeds a side, for a
    recipe. limit: what stands in the way when one of them alone cannot help.
    """

    portraits: int | None = None
    people: int | None = None
    seeds: int | None = None
    times: float
    limit: str = ""


def needed(estimate: Estimate, *, level: float) -> Needed | None:
    """None where the data are enough already, or where nothing differs at all. `level`: two-sided, of one figure."""
    if estimate.theta == 0 or estimate.variance <= 0:
        return None
    allowed = (estimate.theta / (estimate.quantile(1 - level / 2) + estimate.quantile(POWER))) ** 2
    if estimate.variance <= allowed:
        return None
    photos = estimate.parts["photos"]
    of_portraits = estimate.variance - photos.variance
    count = max(part.units for name, part in estimate.parts.items() if name != "photos")
    portraits = _grown(count, of_portraits, allowed - photos.variance)
    people = _grown(photos.units, photos.variance, allowed - of_portraits)
    limit = "photos" if portraits is None else "portraits" if people is None else ""
    return Needed(portraits=portraits, people=people, times=estimate.variance / allowed, limit=limit)


def needed_seeds(estimate: Estimate, *, level: float) -> Needed | None:
    """The same for a recipe: how many training seeds a side. `parts`: seeds_a, seeds_b, photos."""
    if estimate.theta == 0 or estimate.variance <= 0:
        return None
    parts = estimate.parts
    if estimate.smallest_visible(level, POWER) <= abs(estimate.theta):
        return None
    photos = parts["photos"]
    allowed = (estimate.theta / (stats.norm.isf(level / 2) + stats.norm.ppf(POWER))) ** 2
    times = estimate.variance / allowed
    if photos.variance >= allowed:
        return Needed(times=times, limit="photos")
    seeds = next((count for count in _counts() if _seen(parts, count, abs(estimate.theta), level)), None)
    return Needed(seeds=seeds, times=times)


def _grown(units: int, variance: float, allowed: float) -> int | None:
    if allowed <= 0:
        return None
    count = units * variance / allowed
    return None if count > MOST else max(units + 1, math.ceil(count))


def _counts() -> list[int]:
    return [*range(3, 100), *(round(100 * 1.05**step) for step in range(1, 100))]


def _seen(parts: Mapping[str, Part], count: int, theta: float, level: float) -> bool:
    """Whether `count` seeds a side would see theta."""
    grown = {
        name: part if name == "photos" else Part(part.variance * part.units / count, count, count - 1.0)
        for name, part in parts.items()
    }
    return Estimate(theta, grown).smallest_visible(level, POWER) <= theta
