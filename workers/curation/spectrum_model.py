"""The spectrum of a photograph that was enlarged by a classical filter, and how badly a picture's own fits it."""

import functools

import numpy as np
import scipy.fft
from numpy.typing import NDArray

BANDS = 40
"""Equal bands from 0 to Nyquist."""
FACTORS = np.exp(np.arange(0, 2.21, 0.05))
"""Enlargements that are tried: 1 to 9, 5 % apart."""

_NYQUIST = (np.arange(BANDS) + 0.5) / BANDS
_FINE = 8  # points per band of the model
_SLOPES = (1.5, 2.3)  # a photograph's power falls with frequency^-slope
_SOFTNESS_DB = (0.0, 6.0, 12.0, 18.0, 25.0)  # and by so much more towards its own Nyquist frequency: lens, shrinking
_NOISE_DB = (-9.0, -5.0, -1.0, 3.0, 7.0, 11.0)  # flat floor, levels²; rounding to 8 bits alone is -10.8
_HUBER_DB = 2.0
_LEAST_POWER = 0.02
_MATCHED = 0.7  # share of the photo's own band over which brightness and contrast are matched

_CURVES = ("nearest", "bilinear", "cubic", "sharp cubic", "lanczos 3", "lanczos 4", "area")


def axis_spectrum(grey: NDArray[np.float32]) -> NDArray[np.float64]:
    """[BANDS] mean power in levels² of luma [side, side] along its rows and columns, under a Hann window."""
    power = _power(grey) + _power(np.ascontiguousarray(grey.T))
    band = np.minimum((np.linspace(0, 1, len(power)) * BANDS).astype(np.int64), BANDS - 1)
    return np.asarray(np.bincount(band, power / 2, BANDS) / np.bincount(band, minlength=BANDS), dtype=np.float64)


def misfits(spectrum: NDArray[np.float64]) -> NDArray[np.float64]:
    """[len(FACTORS)]: for each enlargement the smallest mean Huber loss in dB over filters, photographs and noise.

    The model: a photo's power S(u) = u^-a · 10^(-b u/10), u in its own Nyquist units, repeats about every multiple of
    its sampling frequency, is weighed by the filter's frequency response squared, scaled to the picture, and lies on
    a flat floor of noise.
    """
    shapes, gains_from, index = _shapes()
    seen = 10 * np.log10(spectrum + _LEAST_POWER).astype(np.float32)
    gain = ((seen - shapes) * gains_from).sum(1) / gains_from.sum(1)
    power = np.exp((shapes + gain[:, None])[:, 1:] * np.float32(np.log(10) / 10))
    loss = np.full(len(shapes), np.inf, dtype=np.float32)
    for noise in _NOISE_DB:
        off = np.abs(np.log(power + np.float32(10 ** (noise / 10))) * np.float32(10 / np.log(10)) - seen[1:])
        clipped = np.minimum(off, _HUBER_DB)
        loss = np.minimum(loss, (clipped * (off - clipped / 2)).mean(1))
    best = np.full(len(FACTORS), np.inf)
    np.minimum.at(best, index, loss)
    return best


def _power(grey: NDArray[np.float32]) -> NDArray[np.float64]:
    window = np.hanning(grey.shape[1]).astype(np.float32)
    waves = scipy.fft.rfft((grey - grey.mean(1, keepdims=True)) * window, axis=1)
    power = (waves.real**2 + waves.imag**2).mean(0, dtype=np.float64) / float((window**2).sum())
    return np.asarray(power, dtype=np.float64)


@functools.cache
def _shapes() -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    """([models, BANDS] in dB, [models, BANDS] bands the gain is read from, [models] index of the factor)."""
    nyquist = (np.arange(BANDS * _FINE) + 0.5) / (BANDS * _FINE)
    shapes, index = [], []
    for number, factor in enumerate(FACTORS):
        cycles = nyquist * factor / 2  # per pixel of the small photo
        own = np.maximum(2 * np.abs(cycles - np.round(cycles)), 0.01)
        for curve in _CURVES if factor > 1 else ("none",):
            passed = _response(curve, cycles, float(factor)) ** 2
            for slope in _SLOPES:
                for softness in _SOFTNESS_DB:
                    shapes.append((own**-slope * 10 ** (-softness * own / 10) * passed).reshape(BANDS, -1).mean(1))
                    index.append(number)
    factors = FACTORS[np.array(index)]
    low = (_NYQUIST * factors[:, None] < _MATCHED) & (np.arange(BANDS) > 0)
    low[:, 1] = True
    decibels = 10 * np.log10(np.array(shapes) + 1e-12)
    return decibels.astype(np.float32), low.astype(np.float32), np.array(index, dtype=np.int64)


def _response(curve: str, cycles: NDArray[np.float64], factor: float) -> NDArray[np.float64]:
    """Frequency response of an interpolation curve at `cycles` per pixel of the small photo."""
    if curve == "none":
        return np.ones_like(cycles)
    if curve == "nearest":
        return np.sinc(cycles)
    if curve == "bilinear":
        return np.sinc(cycles) ** 2
    if curve == "area":  # a pixel's share of each small pixel it covers
        return np.sinc(cycles) * np.sinc(cycles / factor)
    at, table = _table(curve)
    return np.interp(cycles, at, table)


@functools.cache
def _table(curve: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    place = np.linspace(-4, 4, 801)
    far = np.abs(place)
    if curve.startswith("lanczos"):
        reach = int(curve[-1])
        weight = np.where(far < reach, np.sinc(place) * np.sinc(place / reach), 0)
    else:  # Keys' cubic; Pillow's a is -0.5, OpenCV's -0.75
        a = -0.75 if curve == "sharp cubic" else -0.5
        inner = (a + 2) * far**3 - (a + 3) * far**2 + 1
        outer = a * (far**3 - 5 * far**2 + 8 * far - 4)
        weight = np.where(far < 1, inner, np.where(far < 2, outer, 0))
    at = np.linspace(0, FACTORS[-1] / 2, 601)
    return at, np.cos(2 * np.pi * at[:, None] * place) @ weight / weight.sum()
