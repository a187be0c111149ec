"""Pictures that are not independent of each other: all photos of a person count as one draw."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Clusters = NDArray[np.int64]


def numbered(labels: Sequence[object] | NDArray[np.generic]) -> Clusters:
    """Labels of any kind as 0 … G − 1, in the order of their sorting, [N]."""
    _, numbers = np.unique(np.asarray(labels), return_inverse=True)
    return np.asarray(numbers, dtype=np.int64).reshape(-1)


def totals(values: NDArray[np.floating], clusters: Clusters) -> NDArray[np.float64]:
    """Sums over each cluster: [N] -> [G], [N, Q] -> [G, Q], float64."""
    if values.ndim == 1:
        return np.asarray(np.bincount(clusters, weights=values), dtype=np.float64)
    if np.array_equal(clusters, np.arange(len(clusters))):
        return np.asarray(values, dtype=np.float64)
    order = np.argsort(clusters, kind="stable")
    starts = np.flatnonzero(np.diff(clusters[order], prepend=-1))
    return np.asarray(np.add.reduceat(values[order].astype(np.float64), starts, axis=0))
