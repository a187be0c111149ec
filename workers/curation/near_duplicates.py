"""Groups of photos that are the same photograph: resized, cropped, mirrored, re-saved, re-toned.

Candidates are pairs whose patterns share a key (locality-sensitive hashing: no N × N matrix); a candidate counts only
when the two fingerprints agree on one shift and scale and the small pictures laid over each other are alike. Groups
are stars around a representative, so a chain of weak likenesses does not glue strangers together.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.curation.fingerprint import Fingerprint, fingerprint, mirrored_bits
from workers.curation.same_picture import Agreement, agreement, agreement_in_place

__all__ = ["Fingerprint", "Sameness", "fingerprint", "near_groups", "near_pairs"]

_KEY_BITS = 24
_KEYS = 8
_KEY_NEIGHBOURS = 16  # in a crowded bucket only so many neighbours are looked at: bounds the time
_KEY_BITS_APART = 9  # candidates come from patterns nearer than those that count when two photos are compared
_KEY_PLACE = 0.45  # a crop by 30 % moves a pattern by less than this, in square roots of the area
_KEY_OCTAVES = 0.6
_KEY_TURN = 0.045
_LEAST_VOTES = 2
_BLOCK = 2_000_000


@dataclass(frozen=True, kw_only=True)
class Sameness:
    """What two fingerprints must share to be one photograph (docs/curation.md, "Near-duplicates", says why)."""

    patterns: int = 5
    likeness: float = 0.93
    fine: float = 0.885
    likeness_alone: float = 0.985
    """Where a picture has hardly any patterns, the small pictures must be this alike without being moved."""

    def met_by(self, found: Agreement) -> bool:
        return found.patterns >= self.patterns and found.likeness >= self.likeness and found.fine >= self.fine


Pair = tuple[int, int]


def near_groups(fingerprints: Sequence[Fingerprint], sameness: Sameness | None = None) -> list[int]:
    """For each fingerprint the number of its group: the least index in it.

    Everyone in a group was found to be the same photograph as the group's representative, the one that agrees with
    most others. The groups do not depend on the order of the fingerprints.
    """
    distinct, where = _distinct(fingerprints)
    stars = _stars(len(distinct), near_pairs(distinct, sameness or Sameness()))
    least: dict[int, int] = {}
    for index, item in enumerate(where):
        least.setdefault(stars[item], index)
    return [least[stars[item]] for item in where]


def near_pairs(distinct: Sequence[Fingerprint], sameness: Sameness) -> dict[Pair, float]:
    """Likeness of every pair (i < j) that is one photograph, in either orientation."""
    found: dict[Pair, float] = {}
    mirrors: dict[int, Fingerprint] = {}
    for first, second, mirrored in _candidates(distinct):
        one, other = distinct[first], distinct[second]
        if mirrored:
            other = mirrors.setdefault(second, other.mirrored())
        likeness = _likeness(one, other, sameness)
        if likeness > 0:
            found[first, second] = max(likeness, found.get((first, second), 0.0))
    return found


def _likeness(one: Fingerprint, other: Fingerprint, sameness: Sameness) -> float:
    """0 for different photographs."""
    found = agreement(one, other)
    if sameness.met_by(found):
        return found.likeness
    if min(len(one.bits), len(other.bits)) < 2 * sameness.patterns:
        alone = agreement_in_place(one, other)
        return alone.likeness if min(alone.likeness, alone.fine) >= sameness.likeness_alone else 0.0
    return 0.0


def _distinct(fingerprints: Sequence[Fingerprint]) -> tuple[list[Fingerprint], list[int]]:
    """Equal fingerprints once, in an order of their own; and which of those each is."""
    texts = [each.to_text() for each in fingerprints]
    number = {text: place for place, text in enumerate(sorted(set(texts)))}
    kept: list[Fingerprint | None] = [None] * len(number)
    for text, each in zip(texts, fingerprints, strict=True):
        kept[number[text]] = each
    return [each for each in kept if each is not None], [number[text] for text in texts]


def _stars(count: int, pairs: Mapping[Pair, float]) -> list[int]:
    """The representative of each of 0 … count-1: who agrees with most takes those who agree with it, and so on."""
    near: dict[int, dict[int, float]] = defaultdict(dict)
    for (first, second), likeness in pairs.items():
        near[first][second] = near[second][first] = likeness
    star = list(range(count))
    taken = [False] * count
    for middle in sorted(near, key=lambda item: (-len(near[item]), item)):
        if taken[middle]:
            continue
        taken[middle] = True
        for item in near[middle]:
            if not taken[item]:
                star[item], taken[item] = middle, True
    return star


def _candidates(distinct: Sequence[Fingerprint]) -> list[tuple[int, int, bool]]:
    """(i, j, whether j is to be mirrored) of pairs i < j with enough patterns alike, sorted."""
    votes = [_votes(table, start) for table in [_table(distinct)] for start in range(_KEYS)] if distinct else []
    if not votes:
        return []
    cast = np.unique(np.concatenate(votes))  # a vote counts once, whatever keys it was found by
    pairs, counts = np.unique(cast["pair"], return_counts=True)
    whole = np.unique(cast["pair"][cast["whole"]])
    chosen = np.union1d(pairs[counts >= _LEAST_VOTES], whole)
    count = len(distinct)
    return [(int(pair // 2 // count), int(pair // 2 % count), bool(pair % 2)) for pair in chosen]


_ENTRY = np.dtype(
    {
        "names": ["bits", "owner", "x", "y", "size", "angle", "mirror", "whole"],
        "formats": ["u8", "i4", "f4", "f4", "f4", "f4", "?", "?"],
    }
)
_VOTE = np.dtype([("pair", "i8"), ("pattern", "u8"), ("whole", "?")])


def _table(distinct: Sequence[Fingerprint]) -> NDArray[np.void]:
    """Every pattern of every fingerprint, plain and mirrored, and each picture as a whole."""
    counts = np.array([len(each.bits) for each in distinct])
    plain = np.zeros(int(counts.sum()) + len(distinct), dtype=_ENTRY)
    patterns, whole = plain[: -len(distinct)], plain[-len(distinct) :]
    patterns["owner"] = np.repeat(np.arange(len(distinct)), counts)
    patterns["bits"] = np.concatenate([each.bits for each in distinct])
    patterns["x"], patterns["y"] = np.concatenate([each.xy for each in distinct]).T
    for name in ("size", "angle"):
        patterns[name] = np.concatenate([getattr(each, name) for each in distinct])
    whole["owner"], whole["whole"] = np.arange(len(distinct)), True
    mirror = plain.copy()
    mirror["mirror"] = True
    mirror["bits"], mirror["x"], mirror["angle"] = mirrored_bits(mirror["bits"]), -mirror["x"], 0.5 - mirror["angle"]
    whole["bits"] = [_difference_hash(each.thumb) for each in distinct]
    mirror["bits"][-len(distinct) :] = [_difference_hash(each.thumb[:, ::-1]) for each in distinct]
    mirror["angle"][-len(distinct) :] = 0
    return np.concatenate([plain, mirror])


def _votes(table: NDArray[np.void], number: int) -> NDArray[np.void]:
    """Votes of patterns that share the key `number` and are alike."""
    chosen = np.random.Generator(np.random.PCG64(number)).permutation(64)[:_KEY_BITS].astype(np.uint64)
    mask = np.bitwise_or.reduce(np.uint64(1) << chosen)
    key = table["bits"] & mask
    order = np.lexsort((table["mirror"], table["owner"], table["bits"], key))
    key, ordered = key[order], table[order]
    found = [np.zeros(0, dtype=_VOTE)]
    for step in range(1, _KEY_NEIGHBOURS + 1):
        same = np.flatnonzero(key[:-step] == key[step:])
        if not len(same):
            break
        for block in _blocks(same):
            found.append(_alike(ordered[block], ordered[block + step], int(table["owner"].max()) + 1))
    return np.concatenate(found)


def _blocks(indices: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
    for start in range(0, len(indices), _BLOCK):
        yield indices[start : start + _BLOCK]


def _alike(one: NDArray[np.void], other: NDArray[np.void], count: int) -> NDArray[np.void]:
    """One vote for each two entries that could be one pattern of one photograph."""
    usable = (np.bitwise_count(one["bits"] ^ other["bits"]) <= _KEY_BITS_APART) & (one["owner"] != other["owner"])
    usable &= ~(one["mirror"] & other["mirror"]) & (one["whole"] == other["whole"])
    one, other = one[usable], other[usable]
    near = np.abs((one["angle"] - other["angle"] + 0.5) % 1 - 0.5) < _KEY_TURN
    near &= np.abs(one["size"] - other["size"]) < _KEY_OCTAVES
    near &= np.maximum(np.abs(one["x"] - other["x"]), np.abs(one["y"] - other["y"])) < _KEY_PLACE
    one, other = one[near], other[near]
    votes = np.zeros(len(one), dtype=_VOTE)
    low, high = np.minimum(one["owner"], other["owner"]), np.maximum(one["owner"], other["owner"])
    votes["pair"] = (low.astype(np.int64) * count + high) * 2 + (one["mirror"] ^ other["mirror"])
    votes["pattern"] = np.where(one["owner"] == low, one["bits"], other["bits"])
    votes["whole"] = one["whole"]
    return votes


def _difference_hash(thumb: NDArray[np.uint8]) -> int:
    """64 signs of a small picture: is each of 9 × 8 area means darker than its right neighbour."""
    grey = cv2.resize(np.ascontiguousarray(thumb), (9, 8), interpolation=cv2.INTER_AREA)
    return int.from_bytes(np.packbits(grey[:, 1:] > grey[:, :-1]).tobytes(), "big")
