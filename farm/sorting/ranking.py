"""What a few labels say of all photos: the probability, calibrated, that the reviewers would keep each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

from farm.sorting.logistic import fit, log_loss, score, sigmoid
from farm.sorting.table import Table

PENALTIES = (30.0, 10.0, 3.0, 1.0)
"""Ridge λ that are tried, the strongest first; of equals it is taken."""
FOLDS = 5
LABELS_MIN = 10
"""Fewer labels, or fewer than EACH_MIN of a kind, fit nothing."""
EACH_MIN = 3
LABELS_MAX = 1500
"""Of more labels an even choice is fitted: beyond, a fit takes longer and says the same."""
SURE = 0.95
"""A photo is sorted where keep, or drop, is at least so probable."""


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """A fitted, calibrated model. weights: [w_1 … w_D, b] on the columns of the table it was fitted on.

    labels: how many it was fitted on. penalty: its λ. log_loss: of held-out labels, calibrated, in nats (0.693 is
    tossing a coin). agrees: share of held-out labels, 0 … 1, on whose side of one half its probability was.
    """

    weights: tuple[float, ...]
    labels: int
    penalty: float
    log_loss: float
    agrees: float

    def probabilities(self, table: Table) -> list[float]:
        """Of keep, for every photo of the table."""
        return [sigmoid(each) for each in score(list(table.columns.values()), self.weights, table.photos)]


def fit_ranking(table: Table, labels: Mapping[int, float]) -> Ranking | None:
    """From labels by the photo's place: 1 keep, 0 drop, between where reviewers differ. None from too few of a kind.

    Deterministic. Calibrated by Platt's method (Probabilistic outputs for support vector machines, 1999) on scores of
    held-out photos: p = σ(a s + c) with a ≥ 0, fitted to labels drawn in to (n₊+1)/(n₊+2) and 1/(n₋+2). Photos that
    were asked for because their score was doubtful bias neither: given the score, the label does not depend on asking.
    """
    places, wanted = _chosen(labels)
    kept = sum(y > 0.5 for y in wanted)
    if len(wanted) < LABELS_MIN or min(kept, len(wanted) - kept) < EACH_MIN:
        return None
    columns = table.rows(places)
    tried = [(_held_out(columns, wanted, penalty), penalty) for penalty in PENALTIES]
    calibrated = [(*_calibration(scores, wanted), scores, penalty) for scores, penalty in tried]
    lost, (a, c), scores, penalty = min(calibrated, key=itemgetter(0))
    *slopes, middle = fit(columns, wanted, penalty=penalty)
    agreed = sum((a * s + c > 0) == (y > 0.5) for s, y in zip(scores, wanted, strict=True))
    return Ranking(
        weights=(*(a * w for w in slopes), a * middle + c),
        labels=len(labels),
        penalty=penalty,
        log_loss=lost,
        agrees=agreed / len(wanted),
    )


def _chosen(labels: Mapping[int, float]) -> tuple[list[int], list[float]]:
    """Places and labels, drops before keeps, so that every fold gets its share of each."""
    ordered = sorted(labels.items(), key=lambda each: (each[1] > 0.5, each[0]))
    step = max(1.0, len(ordered) / LABELS_MAX)
    picked = [ordered[int(index * step)] for index in range(min(len(ordered), LABELS_MAX))]
    return [place for place, _ in picked], [label for _, label in picked]


def _held_out(columns: Sequence[Sequence[float]], labels: Sequence[float], penalty: float) -> list[float]:
    """Each photo's score from a fit that did not see it."""
    found = [0.0] * len(labels)
    for fold in range(FOLDS):
        seen = [index for index in range(len(labels)) if index % FOLDS != fold]
        hidden = range(fold, len(labels), FOLDS)
        part = [[column[index] for index in seen] for column in columns]
        weights = fit(part, [labels[index] for index in seen], penalty=penalty)
        others = [[column[index] for index in hidden] for column in columns]
        for index, value in zip(hidden, score(others, weights, len(hidden)), strict=True):
            found[index] = value
    return found


def _calibration(scores: Sequence[float], labels: Sequence[float]) -> tuple[float, tuple[float, float]]:
    """Held-out log loss and (a, c)."""
    positive = sum(labels)
    high, low = (positive + 1) / (positive + 2), 1 / (len(labels) - positive + 2)
    drawn_in = [low + (high - low) * y for y in labels]
    a, c = fit([scores], drawn_in, penalty=1e-3)
    if a < 0:  # worse than guessing: then every photo is as probable as any
        a, c = fit([[0.0] * len(scores)], drawn_in, penalty=1.0)
    return log_loss([sigmoid(a * s + c) for s in scores], labels), (a, c)
