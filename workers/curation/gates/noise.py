"""Noise: what is left in the flattest parts of the frame."""

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.curation.look import Look, Measurement

BLOCK_PX = 16

_MASK = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=np.float32) / 6
_FLATTEST = 15.0  # percentile of blocks
_OF_MEDIAN = 1.09  # a block's mean of 196 values varies by 8 %: its 15th percentile is that much below
_ROUNDING = 0.29  # levels: rounding to 8 bits
_DARK, _BRIGHT = 16.0, 239.0  # beyond, noise is clipped


def noise(look: Look) -> Measurement:
    """σ in 8-bit levels. details: grain, twice the σ seen at half size: equal for white noise, larger for film grain.

    Immerkær (CVIU 64(2), 1996): the difference of two Laplacians is blind to slopes; σ = √(π/2) · mean |difference|
    / 6, here in blocks of 16 px, of which the flattest count. What a JPEG has smoothed away is not noise any more.
    """
    grey = look.frame_luma
    sigma = noise_sigma(grey)
    half = cv2.resize(grey, (max(1, grey.shape[1] // 2), max(1, grey.shape[0] // 2)), interpolation=cv2.INTER_AREA)
    grain = 2 * noise_sigma(np.asarray(half, dtype=np.float32))
    coarse = f", coarser than a pixel ({grain:.1f})" if grain > 1.5 * sigma + 1 else ""
    words = f"noise of σ {sigma:.1f} levels in flat parts{coarse}"
    return Measurement(value=round(sigma, 3), reason=words, details={"grain": round(grain, 3)})


def noise_sigma(grey: NDArray[np.float32]) -> float:
    """σ in levels of the white noise in luma [H, W]; 0 where there is no block that is neither black nor white."""
    height, width = grey.shape[0] // BLOCK_PX * BLOCK_PX, grey.shape[1] // BLOCK_PX * BLOCK_PX
    if not height or not width:
        return 0.0
    rest = np.abs(cv2.filter2D(grey, cv2.CV_32F, _MASK))[:height, :width]
    size = (width // BLOCK_PX, height // BLOCK_PX)
    level = cv2.resize(grey[:height, :width], size, interpolation=cv2.INTER_AREA).reshape(-1)
    found = cv2.resize(rest, size, interpolation=cv2.INTER_AREA).reshape(-1)[(level > _DARK) & (level < _BRIGHT)]
    if not len(found):
        return 0.0
    sigma = float(np.percentile(found, _FLATTEST)) * np.sqrt(np.pi / 2) * _OF_MEDIAN
    return float(np.sqrt(max(0.0, sigma**2 - _ROUNDING**2)))
