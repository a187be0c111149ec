"""What the photos do to a KID by way of its scale: mean and deviation of every feature are the photos' own.

Two generators equally far from all people, in different directions, are not equally far on the scale of a few: that is
part of the photos' variance, and a jackknife on a fixed scale misses it. Leaving out a person moves the scale a little,
and the KID by its gradient along that move (the infinitesimal jackknife, Jaeckel 1972; Efron 1982, chapter 6).
"""

import numpy as np
from numpy.typing import NDArray

from workers.evaluation.clusters import Clusters, totals
from workers.evaluation.scaling import BOUND, Scale

Features = NDArray[np.float32]
Array = NDArray[np.float64]

BLOCK = 2048


def scale_moves(raw: Features, scale: Scale, people: Clusters) -> Array:
    """How leaving out each person moves the scale of photos [M, D]: mean and deviation, in deviations, [G, 2 · D]."""
    away = (raw.astype(np.float64) - scale.mean) / scale.std
    left = (len(raw) - np.bincount(people))[:, None]
    mean = -totals(away, people) / left
    spread = np.mean(away**2, axis=0)
    ratio = (len(raw) * spread - totals(away**2, people)) / left / np.maximum(spread, 1e-12)
    return np.concatenate([mean, (ratio - 1) / 2], axis=1)


def scale_gradient(portraits: Features, photos: Features) -> Array:
    """How the distance of scaled portraits [N, D] to scaled photos [M, D] changes with mean and deviation, [2 · D].

    Of mean k(x, x′) − 2 · mean k(x, r) with the cubic kernel, by the chain rule; the photos' own term cancels in θ.
    """
    n, m = len(portraits), len(photos)
    of_own = 2 / (n * (n - 1)) * _pull(portraits, portraits, alone=True)
    across = -2 / (n * m)
    moved = _through(portraits, of_own + across * _pull(portraits, photos))
    return moved + _through(photos, across * _pull(photos, portraits))


def _pull(rows: Features, columns: Features, *, alone: bool = False) -> Array:
    """Σ_c k′(x, c) · c / D for each row, without its own column where both are `alone` one set: [rows, D]."""
    dim = rows.shape[1]
    found = np.zeros(rows.shape)
    for start in range(0, len(rows), BLOCK):
        for other in range(0, len(columns), BLOCK):
            part = columns[other : other + BLOCK]
            slope = rows[start : start + BLOCK] @ part.T
            slope /= np.float32(dim)
            slope += np.float32(1)
            slope *= np.float32(3) * slope
            if alone and other == start:
                np.fill_diagonal(slope, 0)
            found[start : start + BLOCK] += slope @ part
    return np.asarray(found / dim)


def _through(scaled: Features, gradient: Array) -> Array:
    """From the gradient by scaled features to that by mean and deviation: z = B · tanh(u / B), u = (x − mean) / std."""
    share = np.clip(scaled / BOUND, -1 + 1e-6, 1 - 1e-6).astype(np.float64)
    slope = gradient * (1 - share**2)
    return -np.concatenate([slope.sum(axis=0), np.sum(slope * BOUND * np.arctanh(share), axis=0)])
