"""Is a portrait a photo it was taught with? The nearest training photo, and how near photos of two people come.

Pictures are compared small, in luma, without their mean: mirrored or not, and shifted by up to SHIFT_PX each way. A
few candidates are found by coarse descriptors, and searched exactly. The unit is the root mean square difference in
8-bit levels. The bound is a quantile of the distances from each photo to the nearest photo of somebody else, found in
the same way: a portrait nearer than that is nearer to a person than strangers are to each other.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from farm.errors import InvalidInput

VERSION = 1
SIDE_PX = 64
SHIFT_PX = 3
"""4.7 % of the side: what was asked for, 4 %, lies within."""
BLUR_SIGMA_PX = 1.0
BOUND_QUANTILE = 0.01
FEWEST_PEOPLE = 10
_CANDIDATES = 24
_COARSE_PX = 12
_INNER_PX = SIDE_PX - 2 * SHIFT_PX
_COARSE_SHIFTS = tuple((y, x) for y in (0, SHIFT_PX, 2 * SHIFT_PX) for x in (0, SHIFT_PX, 2 * SHIFT_PX))
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_QUERIES_AT_ONCE = 32

Pictures = NDArray[np.uint8]
Values = NDArray[np.float32]


@dataclass(frozen=True)
class Nearest:
    """The nearest photo. distance: RMS in 8-bit levels, luma; colour_distance: the same over R, G, B.

    mirrored: the portrait's mirror image fits. shift_x, shift_y: where the (mirrored) portrait's middle lies in the
    photo, as a share of the side, at most ± 0.047.
    """

    index: int
    name: str
    distance: float
    colour_distance: float
    mirrored: bool
    shift_x: float
    shift_y: float


@dataclass(frozen=True)
class Bound:
    """distance: the BOUND_QUANTILE of nearest distances between people. nearest_pair: the two most alike photos of
    different people; look at them, for an unnoticed duplicate makes the bound too small."""

    distance: float
    photos: int
    people: int
    nearest_pair: tuple[str, str, float]


@dataclass(frozen=True)
class Gallery:
    """Training photos, prepared. small: uint8 [N, SIDE_PX, SIDE_PX, 3], of ``prepared``; people: [N]."""

    small: Pictures
    names: tuple[str, ...]
    people: tuple[str, ...]
    coarse: Values

    @classmethod
    def of(cls, small: Pictures, *, names: Sequence[str], people: Sequence[str]) -> "Gallery":
        """Raises InvalidInput where there is no photo, or the lists do not fit."""
        if not len(small) or not len(small) == len(names) == len(people):
            raise InvalidInput(f"{len(small)} photos, {len(names)} names, {len(people)} people: they must be as many")
        coarse = np.stack([_coarse(_luma(photo))[len(_COARSE_SHIFTS) // 2] for photo in small])
        return cls(small, tuple(names), tuple(people), coarse)

    def nearest(self, small: Pictures) -> list[Nearest]:
        """The nearest photo of each prepared portrait, uint8 [M, SIDE_PX, SIDE_PX, 3]."""
        return list(self._nearest(small, [None] * len(small)))

    def bound(self, quantile: float = BOUND_QUANTILE) -> Bound:
        """How near photos of different people come. Raises InvalidInput where there are too few people."""
        people = len(set(self.people))
        if people < FEWEST_PEOPLE:
            raise InvalidInput(f"a bound needs photos of at least {FEWEST_PEOPLE} people, there are {people}")
        found = list(self._nearest(self.small, self.people))
        distances = np.array([each.distance for each in found])
        first = int(distances.argmin())
        pair = (self.names[first], found[first].name, float(distances[first]))
        return Bound(float(np.quantile(distances, quantile)), len(self.names), people, pair)

    def _nearest(self, small: Pictures, without: Sequence[str | None]) -> Iterator[Nearest]:
        """For each picture the nearest photo that is not of the person named beside it."""
        people = np.array(self.people)
        for start in range(0, len(small), _QUERIES_AT_ONCE):
            part = small[start : start + _QUERIES_AT_ONCE]
            apart = self._coarse_distances(part)
            for query, row, person in zip(part, apart, without[start:], strict=False):
                row[people == person] = np.inf
                allowed = int(np.isfinite(row).sum())
                yield self._exact(query, np.argsort(row, kind="stable")[: min(_CANDIDATES, allowed)])

    def _coarse_distances(self, part: Pictures) -> Values:
        """Squared, to every photo, the least over mirror and coarse shifts: [Q, N]."""
        variants = np.stack([_variants(_luma(picture)) for picture in part])
        flat = variants.reshape(-1, variants.shape[-1])
        apart = (flat**2).sum(axis=1)[:, None] - 2 * flat @ self.coarse.T + (self.coarse**2).sum(axis=1)
        return np.asarray(apart.reshape(len(part), -1, len(self.coarse)).min(axis=1), dtype=np.float32)

    def _exact(self, query: Pictures, candidates: NDArray[np.int64]) -> Nearest:
        photos = np.stack([_luma(self.small[index]) for index in candidates])
        inner = slice(SHIFT_PX, SHIFT_PX + _INNER_PX)
        looks = np.stack([_luma(query)[inner, inner], _luma(query[:, ::-1])[inner, inner]])
        squares = _squared_differences(looks, photos)
        which, mirror, top, left = np.unravel_index(int(squares.argmin()), squares.shape)
        index, mirrored = int(candidates[which]), bool(mirror)
        distance, colour = _told(query[:, ::-1] if mirrored else query, self.small[index], int(top), int(left))
        shift_x, shift_y = (float(at - SHIFT_PX) / SIDE_PX for at in (left, top))
        return Nearest(index, self.names[index], distance, colour, mirrored, shift_x, shift_y)


def prepared(picture: Pictures) -> Pictures:
    """A square picture of any size, small: uint8 [SIDE_PX, SIDE_PX, 3]; blurred, half a pixel is no matter."""
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[0] != picture.shape[1] or picture.shape[2] != 3:
        raise InvalidInput(f"square pictures in uint8 RGB are compared, not {picture.dtype} {list(picture.shape)}")
    kind = cv2.INTER_AREA if len(picture) >= SIDE_PX else cv2.INTER_CUBIC
    small = cv2.resize(picture, (SIDE_PX, SIDE_PX), interpolation=kind)
    return np.asarray(cv2.GaussianBlur(small, (0, 0), BLUR_SIGMA_PX), dtype=np.uint8)


def method_digest() -> str:
    """sha256 of the constants that decide distances."""
    told = [VERSION, SIDE_PX, SHIFT_PX, BLUR_SIGMA_PX, _CANDIDATES, _COARSE_PX, BOUND_QUANTILE]
    return hashlib.sha256(json.dumps(["memorisation", *told]).encode()).hexdigest()


def _squared_differences(looks: Values, photos: Values) -> Values:
    """Σ((q − q̄) − (p − p̄))² for every photo, look and shift: [C, s, s], [L, i, i] -> [C, L, shifts, shifts]."""
    flat = torch.from_numpy(looks - looks.mean(axis=(1, 2), keepdims=True))[:, None]
    shown = torch.from_numpy(photos)[:, None]
    ones = torch.ones(1, 1, _INNER_PX, _INNER_PX)
    with torch.inference_mode():
        spread = functional.conv2d(shown**2, ones) - functional.conv2d(shown, ones) ** 2 / _INNER_PX**2
        squares = flat.square().sum(dim=(1, 2, 3))[None, :, None, None] + spread - 2 * functional.conv2d(shown, flat)
    return np.asarray(squares.numpy(), dtype=np.float32)


def _told(query: Pictures, photo: Pictures, top: int, left: int) -> tuple[float, float]:
    """Distance and colour distance of a portrait at one place, each channel without its mean, in float64."""
    inner = slice(SHIFT_PX, SHIFT_PX + _INNER_PX)
    apart = query[inner, inner].astype(np.float64) - photo[top : top + _INNER_PX, left : left + _INNER_PX]
    apart -= apart.mean(axis=(0, 1))
    return float(np.sqrt(np.mean((apart @ _LUMA) ** 2))), float(np.sqrt(np.mean(apart**2)))


def _luma(picture: Pictures) -> Values:
    """Around mid-grey, so that sums of squares stay exact enough in float32."""
    return np.asarray(picture @ _LUMA - np.float32(127.5), dtype=np.float32)


def _coarse(luma: Values) -> list[Values]:
    """What is seen from each coarse shift: _COARSE_PX² values without their mean."""
    found = []
    for top, left in _COARSE_SHIFTS:
        window = np.ascontiguousarray(luma[top : top + _INNER_PX, left : left + _INNER_PX])
        small = cv2.resize(window, (_COARSE_PX, _COARSE_PX), interpolation=cv2.INTER_AREA).ravel()
        found.append(np.asarray(small - small.mean(), dtype=np.float32))
    return found


def _variants(luma: Values) -> Values:
    return np.stack([*_coarse(luma), *_coarse(np.ascontiguousarray(luma[:, ::-1]))])
