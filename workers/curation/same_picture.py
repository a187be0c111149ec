"""Whether two fingerprints show one photograph: their patterns agree on a shift and a scale, and so do the pictures."""

import itertools
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.curation.fingerprint import Fingerprint

BITS_APART = 12
"""Two patterns may be the same when at most so many of their 64 signs differ."""

_TURN = 0.045  # a copy is upright: directions differ by less than 16°
_LARGEST_SCALE = 1.6  # of the sides, relative to the square root of the area: a crop to 40 %
_PLACE = 0.035  # how far a pattern may lie from where the others put it, in square roots of the area
_LEAST_OVERLAP = 0.35
_REFINED = (
    0.75,
    0.9,
)  # fine outside of these: the first placing decides: clearly another photograph, or clearly the same
_FINE_SIGMA_PX = 3.0  # of the small picture: slower changes of grey are left out of the comparison


@dataclass(frozen=True)
class Agreement:
    """patterns: how many agree on one shift and scale. likeness: correlation of the small pictures laid over each
    other, −1 … 1, 0 where they do not overlap enough. fine: the same for their details alone."""

    patterns: int
    likeness: float
    fine: float


NO_AGREEMENT = Agreement(0, 0.0, 0.0)


def agreement(one: Fingerprint, other: Fingerprint) -> Agreement:
    """How well `one`, shifted and scaled, lies over `other`."""
    pairs = _matches(one, other)
    found = _placing(one.xy[pairs[0]], other.xy[pairs[1]])
    if found is None:
        return NO_AGREEMENT
    scale, shift, count = found
    return Agreement(count, *_refined(one.thumb, other.thumb, scale, shift))


def agreement_in_place(one: Fingerprint, other: Fingerprint) -> Agreement:
    """How alike the small pictures are where nothing is moved; pictures of other aspects are not."""
    if one.thumb.shape != other.thumb.shape:
        return NO_AGREEMENT
    return Agreement(0, *_overlaid(one.thumb, other.thumb, 1.0, np.zeros(2, dtype=np.float32)))


def _matches(one: Fingerprint, other: Fingerprint) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Indices of the best pattern in `other` for each of `one` that has one."""
    if not len(one.bits) or not len(other.bits):
        none = np.zeros(0, dtype=np.intp)
        return none, none
    apart = np.bitwise_count(one.bits[:, None] ^ other.bits[None]).astype(np.int16)
    turn = np.abs((one.angle[:, None] - other.angle[None] + 0.5) % 1 - 0.5)
    octaves = np.abs(one.size[:, None] - other.size[None])
    apart[(turn > _TURN) | (octaves > np.log2(_LARGEST_SCALE))] = 64
    best = apart.argmin(axis=1)
    near = np.flatnonzero(apart[np.arange(len(best)), best] <= BITS_APART)
    return near, best[near]


def _placing(one: NDArray[np.float32], other: NDArray[np.float32]) -> tuple[float, NDArray[np.float32], int] | None:
    """(scale, shift, patterns that agree) of other ≈ scale · one + shift; None when no three agree.

    Every two matches propose a scale and shift; the proposal with most agreeing is refined by least squares.
    """
    first, second = np.triu_indices(len(one), 1)
    spread = np.linalg.norm(one[first] - one[second], axis=1)
    scale = np.linalg.norm(other[first] - other[second], axis=1) / np.maximum(spread, 1e-6)
    usable = (spread > 0.1) & (scale < _LARGEST_SCALE) & (scale > 1 / _LARGEST_SCALE)
    if not usable.any():
        return None
    scale, first, second = scale[usable], first[usable], second[usable]
    shift = (other[first] + other[second] - scale[:, None] * (one[first] + one[second])) / 2
    misses = np.abs(scale[:, None, None] * one[None] + shift[:, None] - other[None]).max(axis=2)
    agreeing = misses[(misses < _PLACE).sum(axis=1).argmax()] < _PLACE
    if agreeing.sum() < 3:
        return None
    a, b = one[agreeing], other[agreeing]
    centred = a - a.mean(axis=0)
    fitted = float((centred * b).sum() / max(float((centred**2).sum()), 1e-9))
    distinct = len(np.unique(np.round(a / _PLACE), axis=0))
    return fitted, b.mean(axis=0) - fitted * a.mean(axis=0), distinct


def _refined(
    one: NDArray[np.uint8], other: NDArray[np.uint8], scale: float, shift: NDArray[np.float32]
) -> tuple[float, float]:
    """(likeness, fine) at the best scale and shift near the ones given: patterns are placed to a pixel or so."""
    found = _overlaid(one, other, scale, shift)
    if not _REFINED[0] <= found[1] < _REFINED[1]:
        return found
    for step in (0.03, 0.015, 0.0075):  # of the square root of the area: a pixel of the small picture, then less
        grid = itertools.product((0.0, -step, step), repeat=3)
        tried = [(scale * (1 + grow), shift + np.array([x, y], dtype=np.float32)) for grow, x, y in grid]
        results = [_overlaid(one, other, *each) for each in tried]
        best = max(range(len(tried)), key=lambda number: results[number][1])
        (scale, shift), found = tried[best], results[best]
    return found


def _overlaid(
    one: NDArray[np.uint8], other: NDArray[np.uint8], scale: float, shift: NDArray[np.float32]
) -> tuple[float, float]:
    """(likeness, fine) of two small pictures, the first laid over the second."""
    unit, unit_other = np.sqrt(one.size), np.sqrt(other.size)
    ratio = scale * unit_other / unit
    middle = [(length - 1) / 2 for length in one.shape[::-1]]
    middle_other = [(length - 1) / 2 for length in other.shape[::-1]]
    move = [at + unit_other * float(by) - ratio * was for at, by, was in zip(middle_other, shift, middle, strict=True)]
    matrix = np.array([[ratio, 0, move[0]], [0, ratio, move[1]]], dtype=np.float32)
    size = (other.shape[1], other.shape[0])
    laid = np.asarray(
        cv2.warpAffine(one.astype(np.float32), matrix, size, borderMode=cv2.BORDER_REPLICATE), dtype=np.float32
    )
    inside = cv2.warpAffine(np.ones(one.shape, np.float32), matrix, size) > 0.99
    if inside.sum() < _LEAST_OVERLAP * other.size:
        return 0.0, 0.0
    plain = other.astype(np.float32)
    details = [np.subtract(picture, cv2.GaussianBlur(picture, (0, 0), _FINE_SIGMA_PX)) for picture in (laid, plain)]
    return _correlation(laid[inside], plain[inside]), _correlation(details[0][inside], details[1][inside])


def _correlation(one: NDArray[Any], other: NDArray[Any]) -> float:
    a, b = one - one.mean(), other - other.mean()
    return float((a * b).sum() / max(float(np.sqrt((a**2).sum() * (b**2).sum())), 1e-6))
