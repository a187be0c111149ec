"""Texture measured: four numbers of a picture's face, how they vary over it, and the photos they are fitted to.

Bands are differences of binomials, luma smoothed by [1 2 1] / 4 in both axes none, 1, 2 and 4 times, in the picture's
own pixels: all three lie in the detail that an upscaler paints, at any factor. Energy is taken as a logarithm in each
window of 16 px and then averaged, so that lashes and collars do not speak for the skin.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from farm.errors import InvalidInput
from workers.cascade.pixels import Picture
from workers.cascade.texture import TEXTURE_DIM, TextureSpread
from workers.training.data import Frames, Tell, area_reduced, silent

Field = NDArray[np.float64]

FACE_SHARE = 0.45
"""Of the frame's side: the detected face, about which frames are centred (docs/recipes.md §4)."""
WINDOW_PX = 16
SMOOTHINGS = (1, 2, 4)
_MARGIN_PX = SMOOTHINGS[-1]
LEAST_PX = 4 + 2 * _MARGIN_PX
LEAST_ENERGY = 0.05  # levels²: what rounding to 8 bits leaves on a plain surface
_RIDGE = 1e-4  # added to variances: photos too few or too alike are still a Gaussian
_FITTED = 1_000  # so many photos are enough for 14 numbers


def face_texture(picture: Picture) -> tuple[float, ...]:
    """The texture of a face frame, uint8 [H, W, 3]: log energy (levels²) of three bands, finest first; log kurtosis."""
    bands = _bands(_face(picture))
    energies = [float(np.mean(_log_energies(band))) for band in bands]
    return (*energies, _log_kurtosis(bands[0]))


def patchiness(picture: Picture, beside: Picture | None = None) -> float:
    """How unevenly texture lies on a face: the variance of log energy over windows of 16 px, mean of the bands.

    beside: the photo that `picture` shall look like; what varies in it, from skin to brows, is then no patch.
    """
    maps = [_log_energies(band) for band in _bands(_face(picture))]
    if beside is not None:
        maps = [a - _log_energies(band) for a, band in zip(maps, _bands(_face(beside)), strict=True)]
    return float(np.mean([each.var() for each in maps]))


def fit_texture(frames: Frames, *, sides_px: Sequence[int], tell: Tell = silent) -> TextureSpread:
    """The Gaussian of the training photos' textures, each at its side: the largest it teaches, as rendering asks for.

    Of many photos a thousand are measured, evenly spread. Rounded to six decimals, so that workers agree.
    """
    count = min(len(frames), _FITTED)
    found = []
    for place in range(count):
        index = place * len(frames) // count
        found.append(face_texture(area_reduced(frames.frame(index), sides_px[index])))
        tell(f"texture: {place + 1} of {count} photos")
    values = np.array(found, dtype=np.float64)
    moved = values - values.mean(axis=0)
    factor = np.linalg.cholesky(moved.T @ moved / count + _RIDGE * np.eye(TEXTURE_DIM))
    return TextureSpread(
        mean=tuple(round(float(item), 6) for item in values.mean(axis=0)),
        cholesky=tuple(tuple(round(float(item), 6) for item in row) for row in factor),
    )


def _face(picture: Picture) -> Field:
    """Luma of the middle of a frame, with the margin that smoothing takes."""
    height, width = picture.shape[:2]
    if min(height, width) < LEAST_PX:
        raise InvalidInput(f"a face of {width} x {height} px has no texture to measure; {LEAST_PX} px are needed")
    rows, columns = _middle(height), _middle(width)
    weights = np.array([0.299, 0.587, 0.114])
    luma: Field = picture[rows, columns].astype(np.float64) @ weights
    return luma


def _middle(side: int) -> slice:
    wanted = min(side, max(round(FACE_SHARE * side), WINDOW_PX) + 2 * _MARGIN_PX)
    start = (side - wanted) // 2
    return slice(start, start + wanted)


def _bands(luma: Field) -> list[Field]:
    """Three bands of equal shape, finest first: [H, W] -> [H - 8, W - 8]."""
    smoothed, last, bands = 0, luma, []
    for count in SMOOTHINGS:
        current = last
        for _ in range(count - smoothed):
            current = _smooth(current)
        bands.append(_trimmed(last, count - smoothed) - current)
        smoothed, last = count, current
    return [_trimmed(band, _MARGIN_PX - count) for band, count in zip(bands, SMOOTHINGS, strict=True)]


def _smooth(field: Field) -> Field:
    rows = (field[:-2] + 2 * field[1:-1] + field[2:]) / 4
    columns: Field = (rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / 4
    return columns


def _trimmed(field: Field, by: int) -> Field:
    return field[by : field.shape[0] - by, by : field.shape[1] - by]


def _log_energies(band: Field) -> Field:
    """The logarithm of mean squares in whole windows about the middle, [rows, columns]; a small band is one window."""
    size = min(WINDOW_PX, *band.shape)
    rows, columns = band.shape[0] // size, band.shape[1] // size
    top, left = (band.shape[0] - rows * size) // 2, (band.shape[1] - columns * size) // 2
    whole = band[top : top + rows * size, left : left + columns * size]
    windows = whole.reshape(rows, size, columns, size)
    energies: Field = np.log(np.mean(windows**2, axis=(1, 3)) + LEAST_ENERGY)
    return energies


def _log_kurtosis(band: Field) -> float:
    """log(E x⁴ / (E x²)²) with the least energy's normal noise added: log 3 on a plain surface."""
    second, fourth = float(np.mean(band**2)), float(np.mean(band**4))
    noise = LEAST_ENERGY
    return float(np.log((fourth + 6 * second * noise + 3 * noise**2) / (second + noise) ** 2))
