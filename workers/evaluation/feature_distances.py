"""FID and KID on the features of any extractor: what papers report, with intervals they seldom have."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from farm.errors import InvalidInput
from workers.evaluation import kid
from workers.evaluation.clusters import numbered
from workers.evaluation.estimate import Estimate, part_of
from workers.evaluation.halves import groups

Features = NDArray[np.float32]
Array = NDArray[np.float64]
JACKKNIFE_GROUPS = 10


def frechet_distance(one: Features, other: Features) -> float:
    """|μ − μ′|² + tr(S + S′ − 2 (S S′)^½) (Heusel et al., NeurIPS 2017, eq. 6), float64, S with N - 1.

    The trace of the root from the eigenvalues of S′^½ S S′^½, which is symmetric: no complex numbers, no jitter.
    Raises InvalidInput for fewer than two pictures or unlike features.
    """
    if one.ndim != 2 or one.shape[1:] != other.shape[1:] or min(len(one), len(other)) < 2:
        raise InvalidInput(f"a Fréchet distance is between sets of alike features, not {one.shape} and {other.shape}")
    mean, spread = _moments(one)
    mean_r, spread_r = _moments(other)
    values, vectors = np.linalg.eigh(spread_r)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    crossed = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ spread @ root), 0)).sum()
    return float(np.sum((mean - mean_r) ** 2) + np.trace(spread) + np.trace(spread_r) - 2 * crossed)


def feature_figures(portraits: Features, photos: Features, people: NDArray[np.integer]) -> Mapping[str, Estimate]:
    """`fid`, with the delete-a-group jackknife, and `kid` of features as they come, float32 [N, D] and [M, D]."""
    own = numbered(people)
    of = [groups(each, min(JACKKNIFE_GROUPS, int(each.max()) + 1)) for each in (np.arange(len(portraits)), own)]
    left = [[frechet_distance(portraits[of[0] != group], photos) for group in range(int(of[0].max()) + 1)]]
    left += [[frechet_distance(portraits, photos[of[1] != group]) for group in range(int(of[1].max()) + 1)]]
    parts = {"portraits": part_of(np.array(left[0])), "photos": part_of(np.array(left[1]))}
    fid = Estimate(frechet_distance(portraits, photos), parts)
    return {"fid": fid, "kid": kid.estimate(portraits, photos, own)}


def _moments(features: Features) -> tuple[Array, Array]:
    exact = features.astype(np.float64)
    return exact.mean(axis=0), np.cov(exact, rowvar=False).reshape(exact.shape[1], -1)
