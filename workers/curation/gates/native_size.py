"""Native resolution: the largest size at which a photo's face frame still has true detail."""

import numpy as np
from numpy.typing import NDArray

from workers.curation.look import Look, Measurement
from workers.curation.periodicity import periodicity, strengths
from workers.curation.spectrum_model import FACTORS, axis_spectrum, misfits

MEASURED_PX = 640
"""Side of the frame's centre that is measured."""
SMALLEST_PX = 96
"""Below it there are too few frequencies to tell: the frame counts as it is."""

_PERIOD_WEIGHT = 0.05  # misfit (bands' mean Huber loss, dB) that one unit of periodicity outweighs
_PERIOD_CHANCE = 3.5  # periodicity that untouched photos reach by chance
_PERIOD_CAP = 6.0
_UNTOUCHED_BONUS = 0.3  # a photo is taken as untouched unless an enlargement explains it this much better
_LEAST_FACTOR = 1.17  # below, a period is as likely what a JPEG grid leaves: 1 − 1/1.14 = 1/8
_LEAST_SOFT = 1.3  # and without any periodicity, smaller ones neither
_TEXTURE = 10.0  # power (levels²) of the third band: portraits have over 400, plain surfaces and ramps under 2


def native_size(look: Look) -> Measurement:
    """Native resolution in pixels, at most the frame's side: the largest portrait the photo can teach.

    details: enlarged (factor ≥ 1), knee (0 … 1 of Nyquist, from the spectrum alone), crossings (strength of the period
    that enlargement leaves; chance stays below 3.5).
    """
    side = look.frame.px
    factor, knee, crossings = enlargement(look.frame_luma)
    size = max(1, min(side, round(side / factor)))
    details = {"enlarged": round(factor, 3), "knee": round(knee, 3), "crossings": round(crossings, 2)}
    return Measurement(value=size, reason=_words(side, size, factor, crossings), details=details)


def enlargement(grey: NDArray[np.float32]) -> tuple[float, float, float]:
    """(factor ≥ 1, knee 0 … 1, periodicity) of luma [side, side].

    The factor that explains two things best: the mean spectrum along rows and columns as that of a photo enlarged by
    one of seven classical filters, and the period that every such filter leaves in the size of fine detail.
    """
    side = min(min(grey.shape), MEASURED_PX)
    if side < SMALLEST_PX:
        return 1.0, 1.0, 0.0
    top, left = (grey.shape[0] - side) // 2, (grey.shape[1] - side) // 2
    grey = np.ascontiguousarray(grey[top : top + side, left : left + side])
    spectrum = axis_spectrum(grey)
    if spectrum[2] < _TEXTURE:
        return 1.0, 1.0, 0.0
    misfit = misfits(spectrum)
    strength, finer = strengths(periodicity(grey), FACTORS)
    evidence = np.where(FACTORS > _LEAST_FACTOR, np.clip(strength - _PERIOD_CHANCE, 0, _PERIOD_CAP), 0)
    enlarged = FACTORS > 1
    best = int(np.argmin(misfit - _PERIOD_WEIGHT * evidence + _UNTOUCHED_BONUS * enlarged))
    knee = 1 / float(FACTORS[np.argmin(misfit + _UNTOUCHED_BONUS * enlarged)])
    if evidence[best] > 0:
        return float(finer[best]), knee, float(strength[best])
    factor = float(FACTORS[best])
    return (factor if factor >= _LEAST_SOFT else 1.0), knee, float(strength[best])


def _words(side: int, size: int, factor: float, crossings: float) -> str:
    if factor <= 1:
        return f"its frame of {side} px has detail to the last pixel"
    if crossings > _PERIOD_CHANCE:
        return f"its frame of {side} px was enlarged ×{factor:.2f}: detail for {size} px"
    return f"its frame of {side} px is soft: detail for {size} px"
