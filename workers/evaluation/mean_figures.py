"""Figures that are distances between what sets are on average: sliced distances, spectra, colours, Fréchet."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from workers.evaluation import spectrum
from workers.evaluation.bootstrap import REPLICATES, Distance, Pool
from workers.evaluation.clusters import numbered
from workers.evaluation.described import Described
from workers.evaluation.estimate import Estimate, Part
from workers.evaluation.halves import groups, halves
from workers.evaluation.verdict_figures import Grounds, distance_of

Array = NDArray[np.float64]
Values = NDArray[np.float32]

GROUPS = 1000
"""Portraits and people are resampled in at most so many groups: memory does not grow with their number."""
FINE = "spectrum_fine"
FINE_FROM = 0.5
"""The fine spectrum lies between this share of Nyquist and the corners."""
_DECIBEL = 10 / math.log(10)
_BLOCK = 2000
_AT_ONCE = 100
_SEED = 13


def estimate(name: str, portraits: Described, grounds: Grounds) -> Estimate:
    """The distance, and its bootstrap variance by groups of portraits and of people."""
    pool, photos, distance = _pooled(name, portraits, grounds), _pooled(name, grounds.photos, grounds), _distance(name)
    mean, mean_r = pool.mean, photos.mean
    parts = {
        "portraits": _part(pool, lambda means: distance(means, mean_r)),
        "photos": _part(photos, lambda means: distance(mean, means)),
    }
    return Estimate(float(distance(mean, mean_r)), parts)


def null(name: str, grounds: Grounds) -> Array:
    """The distance between random halves of the people, [SPLITS]."""
    photos = _pooled(name, grounds.photos, grounds)
    counts = np.stack(halves(np.arange(len(photos.sizes)))).astype(np.float32)
    pairs = zip(photos.resampled(counts), photos.resampled(1 - counts), strict=True)
    return np.array([float(_distance(name)(one, other)) for one, other in pairs])


def _distance(name: str) -> Distance:
    return distance_of("spectrum" if name == FINE else name)


def _part(pool: Pool, statistic: Callable[[Array], Array]) -> Part:
    """The bootstrap variance, times G/(G - 1) for the spread that G draws lose around their own mean."""
    units, draw = len(pool.sizes), np.random.default_rng(_SEED)
    even = np.full(units, 1 / units)
    blocks = [draw.multinomial(units, even, size=_AT_ONCE).astype(np.float32) for _ in range(REPLICATES // _AT_ONCE)]
    values = np.concatenate([statistic(pool.resampled(counts)) for counts in blocks])
    df = 1 / (1 / (units - 1) + 1 / (REPLICATES - 1))
    return Part(float(values.var(ddof=1)) * units / (units - 1), units, df)


def _pooled(name: str, pictures: Described, grounds: Grounds) -> Pool:
    """Sums by group, a block of pictures at a time."""
    own = numbered(pictures.clusters)
    count = min(GROUPS, int(own.max()) + 1)
    labels = groups(own, count)
    width = _pool(name, pictures.chosen(slice(0, 1)), grounds).sums.shape[1]
    sums = np.zeros((count, width), dtype=np.float32)
    for start in range(0, len(pictures), _BLOCK):
        block = pictures.chosen(slice(start, start + _BLOCK)).of_people(labels[start : start + _BLOCK])
        sums[np.unique(block.clusters)] += _pool(name, block, grounds).sums
    return Pool(sums, np.bincount(labels, minlength=count).astype(np.float32))


def _pool(name: str, block: Described, grounds: Grounds) -> Pool:
    if name != FINE:
        return grounds.pool(name, block)
    fine = spectrum.centres(block.size_px) >= FINE_FROM
    return Pool.of(np.float32(_DECIBEL) * block.spectrum[:, fine], numbered(block.clusters))
