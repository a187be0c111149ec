"""The texture an upscaler is asked for: four numbers, drawn from how photos have them, or set (docs/recipes.md §8).

t = (log energy in three detail bands, log kurtosis), as `workers.training.texture` measures it. Networks are told each
number in standard deviations of the training photos. A portrait has one texture: every window, step and frame of it is
told the same.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import starmap

from farm.errors import CascadeInvalid
from workers.cascade.strict import fields_of, number, require

BANDS = 3
TEXTURE_DIM = BANDS + 1
_LARGEST = 1e3
# The sum of four 16-bit words less their mean, over this, is close to a unit normal, and exact everywhere (§2).
_MIDDLE, _SPREAD = 131_070, 37_837.2275
_TOLD_LIMIT = 4.0  # a photo further out is told to be so far out


@dataclass(frozen=True)
class TextureSpread:
    """The Gaussian fitted to the photos' textures: its mean and its covariance's lower Cholesky factor, by rows."""

    mean: tuple[float, ...]
    cholesky: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        """Refuse what is no Gaussian of four numbers."""
        rows = (self.mean, *self.cholesky)
        require(len(rows) == 1 + TEXTURE_DIM, "texture.cholesky", f"{TEXTURE_DIM} rows")
        require(all(len(row) == TEXTURE_DIM for row in rows), "texture", f"rows of {TEXTURE_DIM} numbers")
        for row in rows:
            require(all(-_LARGEST <= item <= _LARGEST for item in row), "texture", f"within ±{_LARGEST:g}")
        for index, row in enumerate(self.cholesky):
            require(row[index] >= 1e-3, "texture.cholesky", "at least 0.001 on its diagonal")
            require(not any(row[index + 1 :]), "texture.cholesky", "zero above its diagonal")

    @property
    def deviations(self) -> tuple[float, ...]:
        """The standard deviation of each number."""
        return tuple(math.sqrt(sum(item * item for item in row)) for row in self.cholesky)

    def told(self, texture: Sequence[float]) -> tuple[float, ...]:
        """What networks are told of a measured texture: in standard deviations from the mean, within ±4."""
        moved = ((t - mean) / d for t, mean, d in zip(texture, self.mean, self.deviations, strict=True))
        return tuple(min(max(each, -_TOLD_LIMIT), _TOLD_LIMIT) for each in moved)

    def drawn(self, noise_seed: int) -> tuple[float, ...]:
        """A portrait's own texture, as told: drawn from the Gaussian by its noise seed alone, whatever the step."""
        return self._told_of(_normals(noise_seed))

    def set_to(self, deviations: float) -> tuple[float, ...]:
        """A wanted texture, as told: `deviations` of the photos' mean log energy from theirs, below 0 smoother.

        The photo that is to be expected there: with a = (1, 1, 1, 0) / 3 and covariance S = LL', t - mean = S a ·
        deviations / sqrt(a'Sa), which is L u with u along L'a.
        """
        along = [sum(row[column] for row in self.cholesky[:BANDS]) for column in range(TEXTURE_DIM)]
        length = math.sqrt(sum(item * item for item in along))
        return self._told_of([deviations * item / length for item in along])

    def wanted(self, deviations: float | None, *, noise_seed: int) -> tuple[float, ...]:
        """What is told for a recipe: its texture if it is set, else the portrait's own."""
        return self.drawn(noise_seed) if deviations is None else self.set_to(deviations)

    def _told_of(self, whitened: Sequence[float]) -> tuple[float, ...]:
        sums = (sum(a * b for a, b in zip(row, whitened, strict=True)) for row in self.cholesky)
        return tuple(total / d for total, d in zip(sums, self.deviations, strict=True))

    def to_json(self) -> dict[str, object]:
        """Plain JSON values; :meth:`from_json` reads an equal value back."""
        return {"mean": list(self.mean), "cholesky": [list(row) for row in self.cholesky]}

    @classmethod
    def from_json(cls, value: object, *, where: str) -> TextureSpread:
        """Read strictly. Raises CascadeInvalid naming the field."""
        fields = fields_of(value, where, {"mean", "cholesky"})
        rows = fields["cholesky"]
        if not isinstance(rows, list):
            raise CascadeInvalid(f"{where}.cholesky must be a list")
        factor = tuple(starmap(_row, ((row, f"{where}.cholesky") for row in rows)))
        return cls(mean=_row(fields["mean"], f"{where}.mean"), cholesky=factor)


def _row(value: object, where: str) -> tuple[float, ...]:
    if not isinstance(value, list):
        raise CascadeInvalid(f"{where} must be a list")
    return tuple(number(item, where) for item in value)


def _normals(noise_seed: int) -> list[float]:
    body = hashlib.sha256(f"texture/{noise_seed}".encode()).digest()
    words = [int.from_bytes(body[at : at + 2], "little") for at in range(0, 8 * TEXTURE_DIM, 2)]
    return [(sum(words[4 * index : 4 * index + 4]) - _MIDDLE) / _SPREAD for index in range(TEXTURE_DIM)]
