"""Sliced W2 of the feature bank, MIND's form (arXiv 2605.06797): 3 · D · the mean over directions of squared W2.

Along each of fixed directions two sets are compared quantile by quantile, so sets of unlike size can be. The factor
makes it agree with the Fréchet distance in scale. It is not unbiased: compare it with what photos give.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from workers.evaluation.clusters import numbered
from workers.evaluation.estimate import Estimate, part_of
from workers.evaluation.halves import Mask, groups
from workers.evaluation.keyed import directions

Features = NDArray[np.float32]
Array = NDArray[np.float64]

DIRECTIONS = 256
QUANTILES = 500
MOST = 10_000
"""Pictures of a set that are looked at: 5,000 are said to tell as much as 50,000 do a Fréchet distance."""
JACKKNIFE_GROUPS = 20


def estimate(portraits: Features, photos: Features, people: NDArray[np.int64]) -> Estimate:
    """With the delete-a-group jackknife over portraits and over people."""
    one, other = _Sorted(portraits), _Sorted(photos)
    parts = {
        "portraits": part_of(np.array([_distance(left, other.all) for left in one.without(np.arange(len(portraits)))])),
        "photos": part_of(np.array([_distance(one.all, left) for left in other.without(people)])),
    }
    return Estimate(_distance(one.all, other.all), parts)


def null(photos: Features, splits: Sequence[Mask]) -> Array:
    """Between halves of the photos, [len(splits)]."""
    ordered = _Sorted(photos)
    return np.array([_distance(ordered.quantiles(mask), ordered.quantiles(~mask)) for mask in splits])


class _Sorted:
    """A set's projections, sorted once; any part of it is sorted with it."""

    def __init__(self, features: Features) -> None:
        used = features[:MOST]
        along = used @ directions("sliced bank", DIRECTIONS, used.shape[1]).T
        self._order = along.argsort(axis=0, kind="stable")
        self._values = np.take_along_axis(along, self._order, axis=0)
        self._dim = used.shape[1]
        self.all = self.quantiles(np.ones(len(used), dtype=bool))

    def quantiles(self, mask: Mask) -> Array:
        """√(3D) times the middles of QUANTILES equal shares of a part of the set: [QUANTILES, DIRECTIONS]."""
        kept = mask[: len(self._order)]
        count = int(kept.sum())
        part = self._values.T[kept[self._order].T].reshape(DIRECTIONS, count)
        at = np.clip((np.arange(QUANTILES) + 0.5) / QUANTILES * count - 0.5, 0, count - 1)
        low = np.floor(at).astype(np.int64)
        share = at - low
        mixed = part[:, low] * (1 - share) + part[:, np.minimum(low + 1, count - 1)] * share
        return np.asarray(np.sqrt(3 * self._dim) * mixed, dtype=np.float64)

    def without(self, clusters: NDArray[np.int64]) -> list[Array]:
        """Quantiles without each of some groups of clusters."""
        own = numbered(clusters[: len(self._order)])
        of = groups(own, min(JACKKNIFE_GROUPS, int(own.max()) + 1))
        return [self.quantiles(of != group) for group in range(int(of.max()) + 1)]


def _distance(one: Array, other: Array) -> float:
    return float(np.mean((one - other) ** 2))
