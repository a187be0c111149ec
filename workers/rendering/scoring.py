"""What one portrait is worth beside others: sharpness, how much two look alike, and an order that heeds both.

All sums are of integers, so that a score is the same on every machine; the judge's score, a network's, is the same
within a render class. What the scores prefer in pictures of the demo cascade is shown in docs/recipes.md §11.
"""

import math
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from workers.cascade.pixels import Picture, area_resample

Rank = Literal["judge", "sharpness", "mixed"]
Floats = NDArray[np.float64]

LUMA = (299, 587, 114)
"""Thousandths of grey in sRGB-encoded values (Rec. 601)."""
FEATURE_PX = 8
ALIKE_LEVELS = 20.0
"""Two portraits nearer than this look alike; at distance 0 the later one loses ALIKE_COST of quality."""
ALIKE_COST = 0.5
JUDGE_SHARE = 0.75
"""The judge's share of the mixed quality; the rest is sharpness."""
POOL = 20
"""Of n wanted portraits, only the best POOL * n by quality are compared with each other: no bad one is chosen for being
unlike all others."""


def sharpness(picture: Picture) -> float:
    """Root mean square of the Laplacian of luma over the picture's middle half, in 8-bit levels: 0 … 1020.

    picture: uint8 [H, W, 3] of at least 8 px, placed by the farm's face frame, whose middle 45 % is the face
    (docs/recipes.md §4). The Laplacian as a measure of focus: Pech-Pacheco et al., "Diatom autofocusing in brightfield
    microscopy" (2000). Comparable between pictures of one size only.
    """
    height, width = picture.shape[:2]
    rows, columns = (slice(side // 4 - 1, side - side // 4 + 1) for side in (height, width))
    grey = picture[rows, columns].astype(np.int64) @ np.array(LUMA)
    middle = grey[1:-1, 1:-1]
    bent = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * middle
    return math.sqrt(int(np.square(bent).sum()) / bent.size) / 1000.0


def feature(picture: Picture) -> NDArray[np.uint8]:
    """What likeness is measured on: the picture's 8 x 8 area means, uint8 [192]."""
    return area_resample(picture, height=FEATURE_PX, width=FEATURE_PX).reshape(-1)


def apart_levels(features: NDArray[np.uint8], one: NDArray[np.uint8]) -> Floats:
    """Root mean square difference of each feature [N, F] from one [F], in 8-bit levels: 0 … 255."""
    differences = features.astype(np.int32) - one.astype(np.int32)
    total = np.square(differences).sum(axis=1, dtype=np.int64)
    distance: Floats = np.sqrt(total / features.shape[1])
    return distance


def percentiles(values: Floats) -> Floats:
    """The share of values below each, ties counted half: 0 … 1, whatever the values' unit."""
    ordered = np.sort(values)
    below, upto = np.searchsorted(ordered, values, "left"), np.searchsorted(ordered, values, "right")
    share: Floats = (below + upto) / (2.0 * len(values))
    return share


def quality(rank: Rank, *, judge: Floats | None, sharp: Floats) -> Floats:
    """One number a portrait, 0 … 1, larger is better: percentiles of a score, or JUDGE_SHARE of one and the other.

    Without a judge it is sharpness alone, whatever `rank` says.
    """
    if judge is None or rank == "sharpness":
        return percentiles(sharp)
    if rank == "judge":
        return percentiles(judge)
    return JUDGE_SHARE * percentiles(judge) + (1.0 - JUDGE_SHARE) * percentiles(sharp)


def order(
    worth: Floats, features: NDArray[np.uint8], *, count: int, alive: Callable[[], None] = lambda: None
) -> tuple[list[int], list[float]]:
    """Indices, best first, and how far each of the first `count` is from the nearest before it, in levels (inf: none).

    The first `count` are chosen one by one: the next is the largest of worth - ALIKE_COST * max(0, 1 - d /
    ALIKE_LEVELS), d its distance from the nearest chosen one; maximal marginal relevance (Carbonell and Goldstein 1998,
    eq. 1). The others follow by worth. Ties go to the lower index. worth: [N], 0 … 1; features: uint8 [N, F]. `alive`
    is called after every choice.
    """
    by_worth = np.argsort(-worth, kind="stable")
    pool = np.sort(by_worth[: POOL * count])
    nearest: Floats = np.full(len(pool), np.inf)
    value = worth[pool].copy()
    taken: list[int] = []
    distances: list[float] = []
    for _ in range(min(count, len(pool))):
        place = int(np.argmax(value))
        taken.append(place)
        distances.append(float(nearest[place]))
        nearest = np.minimum(nearest, apart_levels(features[pool], features[pool[place]]))
        value = worth[pool] - ALIKE_COST * np.maximum(0.0, 1.0 - nearest / ALIKE_LEVELS)
        value[taken] = -np.inf
        alive()
    chosen = [int(pool[place]) for place in taken]
    return [*chosen, *_others(by_worth.tolist(), chosen)], distances


def _others(all_of_them: Sequence[int], chosen: Sequence[int]) -> list[int]:
    known = set(chosen)
    return [index for index in all_of_them if index not in known]
