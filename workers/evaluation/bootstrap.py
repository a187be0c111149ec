"""Differences of distances between means, with an interval by resampling whole clusters.

Sliced distances, spectra and Fréchet distances are functions of what a set's pictures are on average. Each source is
resampled alone (Efron 1979; clusters: Davison and Hinkley, "Bootstrap methods and their application", 1997, §3.8), so
that its share of the variance is known. A distance of noisy means is too large, by as much for A as for B where both
have equally many portraits: in the difference that cancels, which is why the sets are cut to one length.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.evaluation.clusters import Clusters, totals
from workers.evaluation.estimate import Estimate, Part, known_to

Values = NDArray[np.float32]
Array = NDArray[np.float64]
Distance = Callable[[Array, Array], Array]
"""Of means [..., Q] and [..., Q]: [...]."""

REPLICATES = 400
"""Resamplings of each source: its standard error is then known to 3.5 %, which the degrees of freedom count."""
_AT_ONCE = 100
_SEED = 7


@dataclass(frozen=True)
class Pool:
    """Pictures by cluster: sums [G, Q] and how many pictures each sum holds [G]."""

    sums: Values
    sizes: Values

    @classmethod
    def of(cls, values: Values, clusters: Clusters) -> "Pool":
        sums = totals(values, clusters)
        return cls(sums.astype(np.float32), np.bincount(clusters).astype(np.float32))

    @property
    def mean(self) -> Array:
        mean: Array = self._over(np.ones((1, len(self.sizes)), dtype=np.float32))[0]
        return mean

    def resampled(self, counts: Values) -> Array:
        """Means when cluster g is drawn counts[b, g] times: [B, G] -> [B, Q]."""
        return self._over(counts)

    def without_each(self) -> Array:
        """Means without each cluster in turn, [G, Q]."""
        left = (self.sizes.sum(dtype=np.float64) - self.sizes)[:, None]
        return np.asarray((self.sums.sum(axis=0, dtype=np.float64) - self.sums) / left)

    def _over(self, counts: Values) -> Array:
        return np.asarray((counts @ self.sums) / (counts @ self.sizes)[:, None], dtype=np.float64)


def relative_distance(a: Pool, b: Pool, photos: Pool, distance: Distance, *, paired: bool) -> Estimate:
    """θ = distance(A, photos) − distance(B, photos). `paired`: cluster i of A and of B are drawn together."""
    mean_a, mean_b, mean_r = a.mean, b.mean, photos.mean
    draw = np.random.default_rng(_SEED)
    near_a, near_b = float(distance(mean_a, mean_r)), float(distance(mean_b, mean_r))

    def of_a(counts: Values) -> Array:
        return distance(a.resampled(counts), mean_r)

    def of_b(counts: Values) -> Array:
        return distance(b.resampled(counts), mean_r)

    parts = {"photos": of_photos_alone([a], [b], photos, distance)}
    if paired:
        parts["portraits"] = _part(lambda counts: of_a(counts) - of_b(counts), len(a.sizes), draw)
    else:
        parts["portraits_a"] = _part(of_a, len(a.sizes), draw)
        parts["portraits_b"] = _part(of_b, len(b.sizes), draw)
    return Estimate(near_a - near_b, parts, near_a, near_b)


def of_photos_alone(a: Sequence[Pool], b: Sequence[Pool], photos: Pool, distance: Distance) -> Part:
    """The photos' part of the variance of the mean difference over several sets a side."""
    means = [[pool.mean for pool in side] for side in (a, b)]

    def theta(others: Array) -> Array:
        near = [np.mean([distance(mean, others) for mean in side], axis=0) for side in means]
        return np.asarray(near[0] - near[1])

    left_out = theta(photos.without_each())
    draw = np.random.default_rng(_SEED)
    known = known_to(left_out - left_out.mean())
    return _part(lambda counts: theta(photos.resampled(counts)), len(photos.sizes), draw, known=known)


def _part(
    statistic: Callable[[Values], Array], units: int, draw: np.random.Generator, *, known: float | None = None
) -> Part:
    """The bootstrap variance, times G/(G − 1) for the spread that G draws lose around their own mean."""
    even = np.full(units, 1 / units)
    blocks = [draw.multinomial(units, even, size=_AT_ONCE).astype(np.float32) for _ in range(REPLICATES // _AT_ONCE)]
    values = np.concatenate([statistic(counts) for counts in blocks])
    df = 1 / (1 / (known or units - 1) + 1 / (REPLICATES - 1))
    return Part(float(values.var(ddof=1)) * units / (units - 1), units, df)
