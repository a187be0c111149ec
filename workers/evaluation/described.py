"""A described set of pictures: what every figure and every verdict is computed from, instead of the pictures."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from farm.errors import InvalidInput

ARRAYS = ("bank", "swd", "spectrum", "colour")


@dataclass(frozen=True, kw_only=True)
class Described:
    """N pictures of one size, seen by one extractor.

    bank: float32 [N, D], the feature bank, raw: ``scaling.Scale`` of the photos brings it to unit scale before a
    kernel or a projection. swd: float16 [N, levels, directions, thresholds], share of a picture's patches whose
    projection lies below each threshold (``sliced``), finest level first. spectrum: float32 [N, bands], log power.
    colour: float32 [N, K], moments in 8-bit levels. names: a seed or a sha256 a picture. clusters: int64 [N], pictures
    that are not independent share one (all photos of a person).
    """

    bank: NDArray[np.float32]
    swd: NDArray[np.float16]
    spectrum: NDArray[np.float32]
    colour: NDArray[np.float32]
    names: tuple[str, ...]
    clusters: NDArray[np.int64]
    size_px: int
    extractor: str

    def __post_init__(self) -> None:
        """Raises InvalidInput naming the array that does not fit."""
        for name in (*ARRAYS, "clusters"):
            array = getattr(self, name)
            if len(array) != len(self.names):
                raise InvalidInput(f"{name} describes {len(array)} pictures, there are {len(self.names)} names")
            if not np.isfinite(array).all():
                raise InvalidInput(f"{name} holds numbers that are not finite: describe the pictures again")

    def __len__(self) -> int:
        return len(self.names)

    def chosen(self, indices: Sequence[int] | NDArray[np.integer] | slice) -> "Described":
        """Some of the pictures, in this order."""
        picked = np.arange(len(self))[indices]
        arrays = {name: getattr(self, name)[picked] for name in (*ARRAYS, "clusters")}
        names = tuple(self.names[index] for index in picked)
        return Described(**arrays, names=names, size_px=self.size_px, extractor=self.extractor)

    def of_people(self, clusters: Sequence[int] | NDArray[np.integer]) -> "Described":
        """The same pictures with other clusters."""
        told = {field.name: getattr(self, field.name) for field in fields(self)}
        return Described(**{**told, "clusters": np.asarray(clusters, dtype=np.int64)})


def joined(parts: Sequence[Described]) -> Described:
    """One set of several, in order; clusters are taken as they are. Raises InvalidInput where they are no one kind."""
    if not parts:
        raise InvalidInput("there is nothing described to join")
    for part in parts[1:]:
        check_alike(parts[0], part)
    arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in (*ARRAYS, "clusters")}
    names = tuple(name for part in parts for name in part.names)
    return Described(**arrays, names=names, size_px=parts[0].size_px, extractor=parts[0].extractor)


def check_alike(one: Described, other: Described) -> None:
    """Raises InvalidInput where two sets cannot be compared."""
    if one.extractor != other.extractor:
        told = f"{one.extractor[:12]} and {other.extractor[:12]}"
        raise InvalidInput(f"the features were made by two extractors ({told}): evaluate both again with one")
    if one.size_px != other.size_px:
        raise InvalidInput(
            f"pictures of {one.size_px} px are not compared with pictures of {other.size_px} px: choose one size"
        )
