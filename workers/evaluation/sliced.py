"""Sliced Wasserstein distance of Laplacian patches, level by level (Karras et al., ICLR 2018, section 5).

A picture keeps, for fixed random directions, how its 7 × 7 × 3 patches are distributed along each: the share below
fixed thresholds. A set's distribution is the mean of its pictures', and W1 is the area between two such curves. So a
distance, a jackknife and a bootstrap are sums over pictures, in memory that does not grow with patches. Unlike the
paper's, patches are not standardised over a set: distances are in 8-bit levels, and contrast counts.
"""

import functools

import numpy as np
from numpy.typing import NDArray

from workers.evaluation.keyed import directions, normal_rows

Curves = NDArray[np.float16]
Array = NDArray[np.float64]

PATCH_PX = 7
PATCHES = 256
DIRECTIONS = 48
_PER_SIGN = 16
_SMALLEST, _LARGEST = 0.25, 512.0
_STRATA = 16


def curves(level: NDArray[np.float32], *, place: int) -> Curves:
    """Shares below each threshold, float16 [DIRECTIONS, thresholds], exact: of one level [s, s, 3], in 8-bit levels.

    place: the level's number from the finest, which chooses directions.
    """
    patches = _patches(level)
    along = patches @ _directions(place).T
    bins = 2 * _PER_SIGN + 1
    bin_of = np.searchsorted(thresholds(), along.ravel(), side="right").reshape(along.shape)
    counts = np.bincount((bin_of + bins * np.arange(DIRECTIONS)).ravel(), minlength=bins * DIRECTIONS)
    below = counts.reshape(DIRECTIONS, bins).cumsum(axis=1)[:, :-1]
    return np.asarray(below / PATCHES, dtype=np.float16)


def distances(one: Array, other: Array) -> Array:
    """Sliced W1 between mean curves [..., DIRECTIONS, thresholds], in 8-bit levels: [...]."""
    return np.asarray((np.abs(one - other) @ _widths()).mean(axis=-1), dtype=np.float64)


@functools.cache
def thresholds() -> NDArray[np.float32]:
    """Symmetric and geometric, ascending, in 8-bit levels along a direction of length 1: [2 · 16]."""
    positive = np.geomspace(_SMALLEST, _LARGEST, _PER_SIGN)
    return np.concatenate([-positive[::-1], positive]).astype(np.float32)


@functools.cache
def _widths() -> Array:
    """The weight of each threshold in a trapezoid rule."""
    gaps = np.diff(thresholds().astype(np.float64))
    return np.asarray((np.append(gaps, 0.0) + np.append(0.0, gaps)) / 2, dtype=np.float64)


def _patches(level: NDArray[np.float32]) -> NDArray[np.float32]:
    """PATCHES patches at fixed places, spread evenly with a jitter: [PATCHES, 147]."""
    views = np.lib.stride_tricks.sliding_window_view(level, (PATCH_PX, PATCH_PX), axis=(0, 1))
    rows, columns = _places(level.shape[0] - PATCH_PX + 1)
    return np.ascontiguousarray(views[rows, columns]).reshape(PATCHES, -1)


@functools.lru_cache(maxsize=32)
def _places(room: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    jitter = normal_rows("patch places", 2, PATCHES) / 6.94 + 0.5  # in 0 … 1
    cell = np.stack(np.divmod(np.arange(PATCHES), _STRATA))
    at = np.floor((cell + np.clip(jitter, 0, 0.999)) * room / _STRATA).astype(np.int64)
    return at[0], at[1]


@functools.lru_cache(maxsize=32)
def _directions(place: int) -> NDArray[np.float32]:
    return directions(f"patch directions {place}", DIRECTIONS, 3 * PATCH_PX**2)
