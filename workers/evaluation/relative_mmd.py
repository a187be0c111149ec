"""The relative KID: is A or B nearer the photos, by all pairs of pictures, with an interval for every N.

θ = MMD²(A, R) − MMD²(B, R), unbiased, all data (Bounliphone et al., "A test of relative similarity for model
selection in generative models", ICLR 2016, arXiv 1511.04581), with the cubic polynomial kernel of KID (Bińkowski et
al., ICLR 2018, arXiv 1801.01401): k(x, y) = (x·y/D + 1)³. The term of R with itself cancels. Everything the jackknife
needs are row sums of kernel matrices: O(N²) once, in blocks, and O(N) after that.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.evaluation.clusters import totals
from workers.evaluation.estimate import Estimate, Part, part_of

Features = NDArray[np.float32]
Array = NDArray[np.float64]
Clusters = NDArray[np.int64]

BLOCK = 2048
"""Rows and columns of a kernel matrix that exist at a time: 16 MB in float32."""


@dataclass(frozen=True)
class People:
    """The cluster of each photo, 0 … G − 1, [M], and how leaving a person out moves the scale, [G, 2 · D]."""

    clusters: Clusters
    scale_moves: Array | None = None


@dataclass(frozen=True)
class KernelSums:
    """Row sums of one set of N portraits against itself and against M photos.

    own: Σ_{j≠i} k(x_i, x_j), [N]. to_photos: Σ_r k(x_i, r), [N]. from_photos: Σ_i k(x_i, r), [M].
    by_scale: how `relative` changes with the photos' scale (``scale_noise.scale_gradient``), where features have one.
    """

    own: Array
    to_photos: Array
    from_photos: Array
    by_scale: Array | None = None

    @property
    def count(self) -> int:
        return len(self.own)

    @property
    def relative(self) -> float:
        """MMD² to the photos without the photos' own term: mean of k(x, x′) − 2 · mean of k(x, r)."""
        n, m = self.count, len(self.from_photos)
        return math.fsum(self.own) / (n * (n - 1)) - 2 * math.fsum(self.to_photos) / (n * m)


def kernel_sums(portraits: Features, photos: Features) -> KernelSums:
    """Row sums of float32 features [N, D] and [M, D]. Sums are float64; a block's kernel is float32."""
    to_photos, from_photos = _across(portraits, photos)
    return KernelSums(own_sums(portraits), to_photos, from_photos)


def linear_sums(portraits: Features, photos: Features) -> KernelSums:
    """The same with k(x, y) = x·y, float32 [N, Q] and [M, Q]: MMD² is then the squared distance of means, unbiased."""
    centre = photos.mean(axis=0, dtype=np.float64)
    x, r = portraits - centre, photos - centre
    return KernelSums(_linear_own(x), x @ r.sum(axis=0), r @ x.sum(axis=0))


def linear_own_sums(features: Features) -> Array:
    """`own_sums` with k(x, y) = x·y about the features' own mean."""
    return _linear_own(features - features.mean(axis=0, dtype=np.float64))


def _linear_own(centred: Array) -> Array:
    return np.asarray(centred @ centred.sum(axis=0) - np.einsum("iq,iq->i", centred, centred))


def own_sums(features: Features) -> Array:
    """Σ_{j≠i} k(x_i, x_j) for each i, [N]; each block of pairs is computed once."""
    sums = np.zeros(len(features))
    for start in range(0, len(features), BLOCK):
        rows = features[start : start + BLOCK]
        for other in range(start, len(features), BLOCK):
            kernel = _kernel(rows, features[other : other + BLOCK])
            if other == start:
                np.fill_diagonal(kernel, 0)
            sums[start : start + BLOCK] += kernel.sum(axis=1, dtype=np.float64)
            if other > start:
                sums[other : other + BLOCK] += kernel.sum(axis=0, dtype=np.float64)
    return sums


def relative_mmd(
    a: KernelSums, b: KernelSums, people: People, *, paired: bool, photos_own: Array | None = None
) -> Estimate:
    """θ and the parts of its variance.

    Args:
        a, b: row sums against the same photos.
        people: who is in the photos.
        paired: portrait i of A and of B belong together (one seed, same base) and are left out together.
        photos_own: `own_sums` of the photos: with it the two distances are whole KIDs.
    """
    parts: dict[str, Part] = {"photos": without_people([a], [b], people)}
    without_a, without_b = _without_portrait(a), _without_portrait(b)
    if paired:
        parts["portraits"] = part_of(without_a - without_b)
    else:
        parts["portraits_a"], parts["portraits_b"] = part_of(without_a), part_of(without_b)
    m = len(people.clusters)
    constant = 0.0 if photos_own is None else math.fsum(photos_own) / (m * (m - 1))
    near_a, near_b = a.relative, b.relative
    return Estimate(near_a - near_b, parts, near_a + constant, near_b + constant)


def _without_portrait(sums: KernelSums) -> Array:
    """`relative` without each portrait in turn, [N]."""
    n, m = sums.count, len(sums.from_photos)
    own = (math.fsum(sums.own) - 2 * sums.own) / ((n - 1) * (n - 2))
    return own - 2 * (math.fsum(sums.to_photos) - sums.to_photos) / ((n - 1) * m)


def without_people(a: Sequence[KernelSums], b: Sequence[KernelSums], people: People) -> Part:
    """The photos' part of the variance of mean θ over several sets a side."""
    left = len(people.clusters) - np.bincount(people.clusters)

    def near(sums: KernelSums) -> Array:
        """`relative` without each person's photos in turn, [G], but for a constant: portraits among themselves."""
        across = -2 * (math.fsum(sums.from_photos) - totals(sums.from_photos, people.clusters)) / (sums.count * left)
        if sums.by_scale is None or people.scale_moves is None:
            return across
        return np.asarray(across + people.scale_moves @ sums.by_scale)

    return part_of(np.mean([near(sums) for sums in a], axis=0) - np.mean([near(sums) for sums in b], axis=0))


def _across(portraits: Features, photos: Features) -> tuple[Array, Array]:
    to_photos, from_photos = np.zeros(len(portraits)), np.zeros(len(photos))
    for start in range(0, len(portraits), BLOCK):
        rows = portraits[start : start + BLOCK]
        for other in range(0, len(photos), BLOCK):
            kernel = _kernel(rows, photos[other : other + BLOCK])
            to_photos[start : start + BLOCK] += kernel.sum(axis=1, dtype=np.float64)
            from_photos[other : other + BLOCK] += kernel.sum(axis=0, dtype=np.float64)
    return to_photos, from_photos


def _kernel(rows: Features, columns: Features) -> Features:
    """(x·y/D + 1)³, float32 [rows, columns]."""
    kernel = rows @ columns.T
    kernel /= np.float32(rows.shape[1])
    kernel += np.float32(1)
    kernel *= kernel * kernel
    return kernel
