"""How far reviewers agree, on the photos they share: in per cent, and beyond what chance gives (Cohen's kappa)."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two reviewers. shared: photos both labelled. agrees: share of them with one label, 0 … 1.

    kappa: (p_o - p_e) / (1 - p_e), Cohen 1960 (A coefficient of agreement for nominal scales), with p_o observed and
    p_e expected from each one's own shares; None where both gave one label to all they share.
    """

    one: str
    other: str
    shared: int
    agrees: float
    kappa: float | None


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Of all pairs that share photos, weighted by how many. None where no pair does, or none has a kappa."""

    shared: int
    agrees: float | None
    kappa: float | None
    pairs: tuple[Pair, ...]


def agreement(labels: Mapping[str, Mapping[str, bool]]) -> Agreement:
    """labels: of each reviewer, by photo; True is keep."""
    pairs = tuple(
        pair
        for one, other in combinations(sorted(labels), 2)
        if (pair := _pair(one, other, labels[one], labels[other])) is not None
    )
    with_kappa = [(pair.kappa, pair.shared) for pair in pairs if pair.kappa is not None]
    seen = [photo for of_one in labels.values() for photo in of_one]
    return Agreement(
        shared=len({photo for photo in set(seen) if sum(photo in of_one for of_one in labels.values()) > 1}),
        agrees=_mean([(pair.agrees, pair.shared) for pair in pairs]),
        kappa=_mean(with_kappa),
        pairs=pairs,
    )


def _pair(one: str, other: str, first: Mapping[str, bool], second: Mapping[str, bool]) -> Pair | None:
    both = [(first[photo], second[photo]) for photo in first if photo in second]
    if not both:
        return None
    observed = sum(a == b for a, b in both) / len(both)
    keeps = sum(a for a, _ in both) / len(both), sum(b for _, b in both) / len(both)
    by_chance = keeps[0] * keeps[1] + (1 - keeps[0]) * (1 - keeps[1])
    kappa = None if by_chance == 1 else (observed - by_chance) / (1 - by_chance)
    return Pair(one=one, other=other, shared=len(both), agrees=observed, kappa=kappa)


def _mean(values: list[tuple[float, int]]) -> float | None:
    total = sum(weight for _, weight in values)
    return sum(value * weight for value, weight in values) / total if total else None
