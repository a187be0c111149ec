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

    With S = AᵀA and S′ = BᵀB the trace of the root is the sum of the singular values of A Bᵀ: no root of eigenvalues
    that should be 0, which costs every digit where there are fewer pictures than features.
    Raises InvalidInput for fewer than two pictures or unlike features.
    """
    if one.ndim != 2 or one.shape[1:] != other.shape[1:] or min(len(one), len(other)) < 2:
        raise InvalidInput(f"a Fréchet distance is between sets of alike features, not {one.shape} and {other.shape}")
    mean, root = _moments(one)
    mean_r, root_r = _moments(other)
    crossed = np.linalg.svd(root @ root_r.T, compute_uv=False).sum()
    return float(np.sum((mean - mean_r) ** 2) + np.sum(root**2) + np.sum(root_r**2) - 2 * crossed)


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
    """The mean [D], and A [min(N, D), D] with AᵀA = S, by QR of a block of pictures at a time."""
    count, dim = features.shape
    mean = features.mean(axis=0, dtype=np.float64)
    root = np.zeros((0, dim))
    for start in range(0, count, 4 * dim):
        root = np.asarray(np.linalg.qr(np.concatenate([root, features[start : start + 4 * dim] - mean]), mode="r"))
    return mean, np.asarray(root / np.sqrt(count - 1), dtype=np.float64)
