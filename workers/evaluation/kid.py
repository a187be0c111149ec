"""KID: the unbiased squared maximum mean discrepancy with the kernel (x·y/D + 1)³ (Bińkowski et al., ICLR 2018, eq. 4).

All pairs, no subsets, in blocks. Photos of one person are not independent, so pairs within a person are left out of
the photos' own term: otherwise a set with many photos a person would seem far from everything.
"""

import math

import numpy as np
from numpy.typing import NDArray

from workers.evaluation.clusters import totals
from workers.evaluation.estimate import Estimate, part_of
from workers.evaluation.halves import halves
from workers.evaluation.relative_mmd import kernel_sums, own_sums

Features = NDArray[np.float32]
Array = NDArray[np.float64]
Clusters = NDArray[np.int64]

NULL_PHOTOS = 2000
"""Photos among which the null is found: their kernel matrix is held at once, 16 MB."""


def kernel(rows: Features, columns: Features) -> Features:
    """(x·y/D + 1)³: [N, D], [M, D] -> [N, M]."""
    return np.asarray((rows @ columns.T / np.float32(rows.shape[1]) + np.float32(1)) ** 3, dtype=np.float32)


def estimate(portraits: Features, photos: Features, people: Clusters) -> Estimate:
    """KID with the delete-one jackknife over portraits and over people. people: 0 … G - 1 for each photo."""
    sums = kernel_sums(portraits, photos)
    n, m = len(portraits), len(photos)
    apart = own_sums(photos) - _within(photos, people)
    others = m - np.bincount(people)[people]
    own, across, photos_own = math.fsum(sums.own), math.fsum(sums.to_photos), math.fsum(apart)
    pairs = math.fsum(others)
    value = own / (n * (n - 1)) + photos_own / pairs - 2 * across / (n * m)
    without = (own - 2 * sums.own) / ((n - 1) * (n - 2)) - 2 * (across - sums.to_photos) / ((n - 1) * m)
    size = np.bincount(people)
    photos_left = (photos_own - 2 * totals(apart, people)) / (pairs - 2 * totals(others.astype(np.float64), people))
    across_left = (across - totals(sums.from_photos, people)) / (n * (m - size))
    parts = {"portraits": part_of(without), "photos": part_of(photos_left - 2 * across_left)}
    return Estimate(value, parts)


def null(photos: Features, people: Clusters) -> Array:
    """KID of random halves of the people, [SPLITS]."""
    some = people < np.searchsorted(np.bincount(people).cumsum(), NULL_PHOTOS, side="right")
    kept = some if some.any() else np.ones(len(people), dtype=bool)
    chosen, own = photos[kept], people[kept]
    table = kernel(chosen, chosen)
    table[own[:, None] == own] = 0
    found = []
    for mask in halves(own):
        a = mask.astype(np.float64)
        found.append(_mean(table, own, a, a) + _mean(table, own, 1 - a, 1 - a) - 2 * _mean(table, own, a, 1 - a))
    return np.array(found)


def _mean(table: Features, people: Clusters, a: Array, b: Array) -> float:
    """Mean kernel over pairs of different people, one of a, one of b."""
    pairs = a.sum() * b.sum() - np.bincount(people, weights=a) @ np.bincount(people, weights=b)
    return float(a @ (table @ b) / pairs)


def _within(photos: Features, people: Clusters) -> Array:
    """Σ k(r, r′) over the other photos of the same person, for each photo, [M]."""
    order = np.argsort(people, kind="stable")
    sums = np.zeros(len(photos))
    for rows in np.split(order, np.flatnonzero(np.diff(people[order])) + 1):
        table = kernel(photos[rows], photos[rows])
        sums[rows] = table.sum(axis=1, dtype=np.float64) - np.diagonal(table)
    return sums
