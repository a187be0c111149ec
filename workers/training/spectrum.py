"""Does a picture carry a dotted grid? The power at the pixel shuffle's period, against the power around it.

A shuffle of factor f that treats its sub-pixels differently leaves a pattern of period f: peaks at the frequencies k/f.
Photographs have none there, so their figure is about 1.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from workers.cascade.pixels import Picture

_LUMA = np.array([0.299, 0.587, 0.114])
_REACH = 5  # bins around a harmonic that are looked at
_PEAK = 1  # of which these belong to the peak, a Hann window's width


def grid_ratio(pictures: Sequence[Picture], period_px: int) -> float:
    """Power at the harmonics of `period_px` over the median power around each, geometric mean; about 1: no grid.

    pictures: uint8 [H, W, 3], each at least 16 periods large.
    """
    return float(np.exp(np.mean([_log_ratio(picture, period_px) for picture in pictures])))


def _log_ratio(picture: Picture, period_px: int) -> float:
    luma = picture.astype(np.float64) @ _LUMA
    side = min(luma.shape) // period_px * period_px
    window = np.hanning(side + 1)[:side]
    power = np.abs(np.fft.fft2(luma[:side, :side] * np.outer(window, window))) ** 2
    step = side // period_px
    logs = [
        np.log(_peak(power, row * step, column * step))
        for row in range(period_px // 2 + 1)
        for column in range(period_px)
        if (row, column) != (0, 0)
    ]
    return float(np.mean(logs))


def _peak(power: npt.NDArray[np.float64], row: int, column: int) -> float:
    reach = np.arange(-_REACH, _REACH + 1)
    patch = power[np.ix_((row + reach) % power.shape[0], (column + reach) % power.shape[1])]
    near = np.maximum.outer(np.abs(reach), np.abs(reach)) <= _PEAK
    # Keeps a constant picture, without any power, from dividing by zero.
    tiny = np.finfo(np.float64).tiny
    return float((patch[near].mean() + tiny) / (np.median(patch[~near]) + tiny))
