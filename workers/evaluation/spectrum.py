"""The radial log-power spectrum of luma."""

import functools

import numpy as np
import torch
from numpy.typing import NDArray

from workers.evaluation.pyramid import TILE_PX, WHOLE_UP_TO_PX, tiles

MOST_BANDS = 32
"""Bands between 0 and Nyquist. The corners beyond, up to √2 · Nyquist, have bands of the same width."""


def bands_of(size_px: int) -> int:
    """Bands between 0 and Nyquist: no more than there are frequencies."""
    side = size_px if size_px <= WHOLE_UP_TO_PX else TILE_PX
    return min(MOST_BANDS, side // 2)


def centres(size_px: int) -> NDArray[np.float64]:
    """The middle of each band, as a share of Nyquist: 0 … √2."""
    bands = bands_of(size_px)
    return (np.arange(int(np.ceil(bands * 2**0.5))) + 0.5) / bands


def log_spectrum(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    """Natural log of mean power in each band, [N, bands], of luma [N, s, s] in 8-bit levels.

    Under a Hann window; noise of variance v has power v. Large pictures: the mean over 16 tiles.
    """
    seen = tiles(torch.from_numpy(luma)[:, None])[:, :, 0].numpy()
    side = seen.shape[-1]
    window = np.outer(np.hanning(side + 2)[1:-1], np.hanning(side + 2)[1:-1]).astype(np.float32)
    window /= np.sqrt(np.sum(window**2, dtype=np.float64)).astype(np.float32)
    flat = seen - seen.mean(axis=(-2, -1), keepdims=True)
    transformed = np.fft.rfft2(flat * window)
    power = np.asarray(transformed.real**2 + transformed.imag**2, dtype=np.float64).mean(axis=1)
    index, weight = _bands(side, bands_of(luma.shape[1]))
    count = len(centres(luma.shape[1]))
    sums = np.stack([np.bincount(index, weights=row.ravel() * weight, minlength=count)[:count] for row in power])
    pixels = np.bincount(index, weights=weight, minlength=count)[:count]
    return np.asarray(np.log(sums / np.maximum(pixels, 1) + 1 / 12), dtype=np.float32)


@functools.lru_cache(maxsize=16)
def _bands(side: int, bands: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The band of every frequency of a half spectrum, and how often it stands for two."""
    rows, columns = np.fft.fftfreq(side) * 2, np.fft.rfftfreq(side) * 2
    radius = np.hypot(rows[:, None], columns[None, :])
    last = int(np.ceil(bands * 2**0.5)) - 1
    weight = np.where((columns > 0) & (columns < 1), 2.0, 1.0)
    return np.minimum(np.floor(radius * bands).astype(np.int64), last).ravel(), np.tile(weight, side)
