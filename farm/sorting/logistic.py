"""Ridge-regularised logistic regression by Newton's method (iteratively reweighted least squares).

Minimises  sum_i [ log(1 + e^{s_i}) - y_i s_i ] + λ/2 |w|²  with s = Xw + b; b is not penalised. Hastie, Tibshirani,
Friedman, The Elements of Statistical Learning (2nd ed.), §4.4.1 and §3.4.1: step = (XᵀWX + λI)⁻¹ (Xᵀ(y - p) - λw).
"""

import math
from collections.abc import Sequence
from operator import mul

STEPS_MAX = 25
TOLERANCE = 1e-6
LEAST_WEIGHT = 1e-9
"""Added to the intercept's curvature, so that photos of which all are sure leave a solvable system."""


def sigmoid(score: float) -> float:
    """1 / (1 + e^-score), for any finite score."""
    if score >= 0:
        return 1.0 / (1.0 + math.exp(-min(score, 700.0)))
    grown = math.exp(max(score, -700.0))
    return grown / (1.0 + grown)


def fit(
    columns: Sequence[Sequence[float]], labels: Sequence[float], *, penalty: float, start: Sequence[float] | None = None
) -> list[float]:
    """[w_1 … w_D, b]. columns: D of length N. labels: N numbers in 0 … 1. start: weights to begin from.

    Each step is halved until the objective falls, so it ends at its one minimum (λ > 0).
    """
    weights = list(start) if start is not None else [0.0] * (len(columns) + 1)
    scores = score(columns, weights, len(labels))
    lost = _objective(scores, labels, weights, penalty)
    for _ in range(STEPS_MAX):
        step = _newton_step(columns, labels, weights, scores, penalty)
        taken, scale = False, 1.0
        while not taken and scale > 1e-4:
            tried = [w + scale * d for w, d in zip(weights, step, strict=True)]
            tried_scores = score(columns, tried, len(labels))
            now = _objective(tried_scores, labels, tried, penalty)
            taken, scale = now <= lost, scale / 2
        if not taken:
            return weights
        gained, weights, scores, lost = lost - now, tried, tried_scores, now
        if gained < TOLERANCE * (1.0 + lost):
            return weights
    return weights


def score(columns: Sequence[Sequence[float]], weights: Sequence[float], count: int) -> list[float]:
    """s = Xw + b of `count` photos."""
    scores = [weights[-1]] * count
    for column, weight in zip(columns, weights, strict=False):
        if weight:
            scores = [s + weight * x for s, x in zip(scores, column, strict=True)]
    return scores


def log_loss(probabilities: Sequence[float], labels: Sequence[float]) -> float:
    """The mean of -log p(label), natural logarithm."""
    least = 1e-12
    lost = (
        -y * math.log(max(p, least)) - (1 - y) * math.log(max(1 - p, least))
        for p, y in zip(probabilities, labels, strict=True)
    )
    return math.fsum(lost) / len(labels)


def _objective(scores: Sequence[float], labels: Sequence[float], weights: Sequence[float], penalty: float) -> float:
    lost = sum(max(s, 0.0) + math.log1p(math.exp(-abs(s))) - y * s for s, y in zip(scores, labels, strict=True))
    return lost + penalty / 2 * sum(w * w for w in weights[:-1])


def _newton_step(
    columns: Sequence[Sequence[float]],
    labels: Sequence[float],
    weights: Sequence[float],
    scores: Sequence[float],
    penalty: float,
) -> list[float]:
    likely = [sigmoid(s) for s in scores]
    curvature = [p * (1.0 - p) for p in likely]
    missing = [y - p for y, p in zip(labels, likely, strict=True)]
    ones = [1.0] * len(labels)
    every = [*columns, ones]
    slope = [sum(map(mul, column, missing)) for column in every]
    for place, weight in enumerate(weights[:-1]):
        slope[place] -= penalty * weight
    bent = []
    for place, column in enumerate(every):
        weighted = list(map(mul, curvature, column))
        bent.append([sum(map(mul, weighted, other)) for other in every[: place + 1]])
        bent[place][place] += penalty if place < len(columns) else LEAST_WEIGHT
    return solve(bent, slope)


def solve(lower: Sequence[Sequence[float]], right: Sequence[float]) -> list[float]:
    """x of Ax = right by Cholesky; `lower`: the lower triangle of a positive definite A, row i of i + 1 numbers."""
    size = len(right)
    root: list[list[float]] = []
    for i in range(size):
        row: list[float] = []
        for j in range(i):
            row.append((lower[i][j] - sum(map(mul, row, root[j]))) / root[j][j])
        row.append(math.sqrt(max(lower[i][i] - sum(map(mul, row, row)), 1e-12)))
        root.append(row)
    forward: list[float] = []
    for i in range(size):
        forward.append((right[i] - sum(map(mul, root[i], forward))) / root[i][i])
    found = [0.0] * size
    for i in reversed(range(size)):
        behind = sum(root[k][i] * found[k] for k in range(i + 1, size))
        found[i] = (forward[i] - behind) / root[i][i]
    return found
