"""Density and coverage (Naeem et al., ICML 2020, equations 3 and 4) on the scaled feature bank, k = 5.

Around each photo lies a ball that reaches to its fifth nearest photo of other people. Density counts in how many balls
a portrait lies, over k; coverage is the share of balls with a portrait in them. Coverage grows with the number of
portraits, so no more portraits are looked at than there are photos.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from workers.evaluation.clusters import numbered, totals
from workers.evaluation.estimate import Estimate, Part, part_of
from workers.evaluation.halves import Mask, groups

Features = NDArray[np.float32]
Array = NDArray[np.float64]
Clusters = NDArray[np.int64]

NEIGHBOURS = 5
MOST = 10_000
"""Pictures of a set that are looked at."""
NULL_PHOTOS = 2000
JACKKNIFE_GROUPS = 20
_BLOCK = 1024


def estimates(portraits: Features, photos: Features, people: Clusters) -> Mapping[str, Estimate]:
    """`density` and `coverage`, with the jackknife over groups of portraits and over people."""
    photos, own = photos[:MOST], numbered(people[:MOST])
    portraits = portraits[: len(photos)]
    of = groups(np.arange(len(portraits)), min(JACKKNIFE_GROUPS, len(portraits)))
    hits = _hits(portraits, photos, radii(photos, own), of)
    counts = np.bincount(of)
    return {
        "density": _estimate(hits.sum(axis=1) / (NEIGHBOURS * len(portraits)), own, _left_densities(hits, counts), 1.0),
        "coverage": _estimate((hits.sum(axis=1) > 0) * 1.0, own, _left_coverages(hits), 1 / len(photos)),
    }


def nulls(photos: Features, splits: Sequence[Mask], people: Clusters) -> Mapping[str, Array]:
    """Both figures of one half of the people against the other, [len(splits)] each."""
    used = photos[:NULL_PHOTOS]
    apart = _distances(used, used)
    found: dict[str, list[float]] = {"density": [], "coverage": []}
    for split in splits:
        mask = split[: len(used)]
        real, shown = np.flatnonzero(mask), np.flatnonzero(~mask)[: int(mask.sum())]
        reach = _radii(apart[np.ix_(real, real)], people[real], people[real])
        hits = (apart[np.ix_(real, shown)] < reach[:, None]).sum(axis=1)
        found["density"].append(float(hits.sum() / (NEIGHBOURS * len(shown))))
        found["coverage"].append(float(np.mean(hits > 0)))
    return {name: np.array(values) for name, values in found.items()}


def radii(photos: Features, people: Clusters) -> Features:
    """Squared distance of each photo to its fifth nearest of other people, [M]."""
    rows = range(0, len(photos), _BLOCK)
    parts = [_radii(_distances(photos[at : at + _BLOCK], photos), people[at : at + _BLOCK], people) for at in rows]
    return np.concatenate(parts)


def _radii(apart: Features, own: Clusters, people: Clusters) -> Features:
    others = np.where(own[:, None] == people, np.inf, apart)
    place = min(NEIGHBOURS, others.shape[1] - 1) - 1
    return np.asarray(np.partition(others, place, axis=1)[:, place], dtype=np.float32)


def _hits(portraits: Features, photos: Features, reach: Features, of: Clusters) -> Array:
    """How many portraits of each group lie in each photo's ball, [M, groups]."""
    member = np.eye(int(of.max()) + 1, dtype=np.float32)[of]
    rows = range(0, len(photos), _BLOCK)
    parts = [(_distances(photos[at : at + _BLOCK], portraits) < reach[at : at + _BLOCK, None]) @ member for at in rows]
    return np.concatenate(parts).astype(np.float64)


def _distances(rows: Features, columns: Features) -> Features:
    """Squared, [N, M]."""
    apart = (rows**2).sum(axis=1)[:, None] - 2 * rows @ columns.T + (columns**2).sum(axis=1)
    return np.asarray(np.maximum(apart, 0), dtype=np.float32)


def _left_densities(hits: Array, counts: NDArray[np.int64]) -> Array:
    left = hits.sum() - hits.sum(axis=0)
    return np.asarray(left / (NEIGHBOURS * (counts.sum() - counts)))


def _left_coverages(hits: Array) -> Array:
    return np.asarray(np.mean(hits.sum(axis=1)[:, None] - hits > 0, axis=0))


def _estimate(per_photo: Array, people: Clusters, left_portraits: Array, unit: float) -> Estimate:
    """The sum over photos times `unit`; without a person it is scaled up to the whole number of photos."""
    size, whole = np.bincount(people), len(people)
    left = (per_photo.sum() - totals(per_photo, people)) * whole / (whole - size) * unit
    parts: dict[str, Part] = {"portraits": part_of(left_portraits), "photos": part_of(left)}
    return Estimate(float(per_photo.sum() * unit), parts)
