"""The period that enlargement leaves: interpolated pixels are smoother the farther they are from an original one."""

import cv2
import numpy as np
import scipy.fft
from numpy.typing import NDArray

PERIODS = 4096
"""Points of the transform: frequencies are multiples of 1/4096 per pixel."""
LEAST_FREQUENCY = 0.05
"""Slower variation is the picture's own."""

_FLOOR = 1.0  # levels²: whitening amplifies nothing below it, so not the rounding to 8 bits
_EDGE = 8  # columns left out at each side, where the whitening filter wraps around
_JPEG_TEETH = (1, 2, 3, 4)  # multiples of 1/8 that a JPEG grid leaves
_JPEG_REST = 1.5  # how much stronger a tooth must be than the grid explains
_WITHIN = np.linspace(-0.5, 0.5, 41)  # where in its cell a factor is looked for


def periodicity(grey: NDArray[np.float32]) -> NDArray[np.float64]:
    """[2049] strengths at 0 … 1/2 cycles per pixel, in units of what chance gives, of luma [side, side].

    After Gallagher (CRV 2005) and Mahdian and Saic (IEEE TIFS 3(3), 2008), with the second derivative replaced by a
    whitening filter, which weighs the nearly empty band of a good enlargement up: t = whitened rows; e(x) = mean over
    rows of |t| / local mean |t|; the strength is |DFT of e| over its running mean, for rows and columns together.
    A JPEG grid's share is taken off: what 1/8 and 3/8 have in common is its level at every multiple of 1/8.
    """
    both = _lines(grey) + _lines(np.ascontiguousarray(grey.T))
    ceiling = np.minimum(both, 3 * np.median(both)).astype(np.float32)
    level = cv2.blur(ceiling[None], (401, 1))[0]
    found = np.asarray(both / (1.2 * level + 1e-9), dtype=np.float64)
    return _without_grid(found, len(grey) - 2 * _EDGE)


def strengths(found: NDArray[np.float64], factors: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """(largest strength, factor where it is) in the cell around each of the log-spaced `factors`.

    Enlargement by f leaves the frequency 1/f, seen as 1 − 1/f below f = 2.
    """
    width = float(np.log(factors[1] / factors[0]))
    fine = factors[:, None] * np.exp(_WITHIN * width)
    turn = (1 / fine) % 1
    place = np.round(np.minimum(turn, 1 - turn) * PERIODS).astype(np.int64)
    cells = found[place]
    best = cells.argmax(axis=1)
    row = np.arange(len(factors))
    return cells[row, best], fine[row, best]


def _lines(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """[2049]: spectrum of the mean size of fine detail as a function of the column."""
    side = grey.shape[1]
    waves = scipy.fft.rfft(grey - grey.mean(1, keepdims=True), axis=1)
    power = (waves.real**2 + waves.imag**2).mean(0) / side
    power = np.convolve(np.pad(power, 4, mode="edge"), np.ones(9) / 9, "valid")
    gain = np.clip((np.linspace(0, 0.5, len(power)) - 0.03) / 0.05, 0, 1) / np.sqrt(power + _FLOOR)
    detail = np.abs(scipy.fft.irfft(waves * gain.astype(np.float32), n=side, axis=1)).astype(np.float32)
    profile = (detail / (cv2.blur(detail, (33, 33)) + 1e-3)).mean(0)
    profile -= np.convolve(np.pad(profile, 8, mode="reflect"), np.ones(17) / 17, "valid")
    profile = profile[_EDGE:-_EDGE]
    return np.asarray(np.abs(scipy.fft.rfft(profile * np.hanning(len(profile)), PERIODS)), dtype=np.float32)


def _without_grid(found: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    frequency = np.arange(len(found)) / PERIODS
    width = max(0.0035, 3.0 / length)  # half of a peak's width under a Hann window is 2/length
    tooth = {k: np.abs(frequency - k / 8) < width for k in _JPEG_TEETH}
    level = max(0.0, min(found[tooth[1]].max(), found[tooth[3]].max()) - 1.5)
    for place in tooth.values():
        found[place] = np.maximum(found[place] - _JPEG_REST * level, 1)
    found[frequency < LEAST_FREQUENCY] = 1
    return found
