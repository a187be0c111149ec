"""A stored file against the picture its recipe gives today."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from farm.errors import FarmError
from farm.recipe import recipe_in_png
from workers.rendering.reading import pixels_of

Picture = NDArray[np.uint8]
_STRIP_ROWS = 256


class Verdict(StrEnum):
    """What a stored portrait is, beside the one its recipe gives here."""

    IDENTICAL = "identical"
    """The same pixels."""
    WITHIN_TOLERANCE = "within tolerance"
    """Painted on another render class, and no further away than its cascade allows between classes."""
    DIFFERENT = "different"
    """Other pixels: further away than that, or anything at all on the same render class."""
    DAMAGED = "damaged"
    """Not the file that was stored: other bytes than the ledger recorded, or not readable."""
    MISSING = "missing"
    """No row of it, or no object under its row's key."""
    FAILED = "failed"
    """Its recipe could not be painted here."""


PASSED = frozenset({Verdict.IDENTICAL, Verdict.WITHIN_TOLERANCE})


@dataclass(frozen=True, kw_only=True)
class Found:
    """A verdict with its reason. Distances are in 8-bit levels over all pixels and channels; None: not compared."""

    verdict: Verdict
    detail: str = ""
    mean_levels: float | None = None
    max_levels: int | None = None


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What the ledger says of the stored file, and how far two render classes may be apart."""

    recipe: str
    """The digest."""
    sha256: str
    same_class: bool
    """Painted on this render class."""
    tolerance_levels: float


def compare(body: bytes, picture: Picture, recorded: Recorded) -> Found:
    """Judge a stored file by the picture its recipe gives here, uint8 [H, W, 3]."""
    sha256 = hashlib.sha256(body).hexdigest()
    if sha256 != recorded.sha256:
        return Found(
            verdict=Verdict.DAMAGED, detail=f"its bytes have sha256 {sha256[:12]}…, not {recorded.sha256[:12]}…"
        )
    try:
        carried, stored = recipe_in_png(body), pixels_of(body, picture.shape)
    except FarmError as error:
        return Found(verdict=Verdict.DAMAGED, detail=error.message)
    if carried.digest != recorded.recipe:
        return Found(verdict=Verdict.DIFFERENT, detail="the file carries another recipe")
    mean, largest = _distance(stored, picture)
    if largest == 0:
        return Found(verdict=Verdict.IDENTICAL, mean_levels=0.0, max_levels=0)
    near = mean <= recorded.tolerance_levels and not recorded.same_class
    return Found(
        verdict=Verdict.WITHIN_TOLERANCE if near else Verdict.DIFFERENT,
        detail="on the same render class no pixel may differ" if recorded.same_class else "",
        mean_levels=mean,
        max_levels=largest,
    )


def _distance(one: Picture, other: Picture) -> tuple[float, int]:
    """Mean and largest absolute difference, strip by strip."""
    total, largest = 0, 0
    for top in range(0, one.shape[0], _STRIP_ROWS):
        rows = slice(top, top + _STRIP_ROWS)
        apart = np.abs(one[rows].astype(np.int16) - other[rows].astype(np.int16))
        total, largest = total + int(apart.sum(dtype=np.int64)), max(largest, int(apart.max()))
    return total / one.size, largest
