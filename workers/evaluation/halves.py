"""The photos against themselves: random halves, no person in both. What a figure is when nothing differs."""

import numpy as np
from numpy.typing import NDArray

SPLITS = 40
_SEED = 11

Mask = NDArray[np.bool_]


def halves(people: NDArray[np.int64], count: int = SPLITS) -> list[Mask]:
    """`count` masks over the photos, each true for those of a random half of the people."""
    draw = np.random.default_rng(_SEED)
    persons = int(people.max()) + 1
    return [np.isin(people, draw.permutation(persons)[: persons // 2]) for _ in range(count)]


def groups(clusters: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """A group 0 … count - 1 for each picture, whole clusters together, in a random order of clusters."""
    order = np.random.default_rng(_SEED).permutation(int(clusters.max()) + 1)
    return np.asarray(order[clusters] % count, dtype=np.int64)
