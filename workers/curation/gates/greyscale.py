"""Grey, toned or in colour: colourfulness, and whether the hue says more than the tone does."""

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.curation.look import Look, Measurement, reduced

GREY_BELOW = 4.0
"""Colourfulness up to which nobody sees a colour; JPEG's chroma noise on grey scans stays below 3."""
TONED_SPREAD = (2.4, 3.6)
"""CIELAB chroma by which a print strays from the curve of its tones: one colour up to the first, surely more from
the second. Brown scans stay below 2.5, colour photographs of people above 3.8."""
_VIEW_PX = 256
_TONES = 16


def greyscale(look: Look) -> Measurement:
    """Colourfulness after Hasler & Süsstrunk (2003), 0 for grey, 15 slight, 59 quite, 109 extreme.

    details: toned 0 … 1, 1 for a print in one colour (sepia); spread, CIELAB chroma around the curve of its tones.
    """
    view = reduced(look.small, _VIEW_PX)
    value, spread = colourfulness(view), chroma_spread(view)
    sure, never = TONED_SPREAD
    toned = float(np.clip((never - spread) / (never - sure), 0, 1)) if value >= GREY_BELOW else 0.0
    if value < GREY_BELOW:
        told = "in shades of grey"
    elif toned > 0.5:
        told = f"in shades of one colour, like a toned print (chroma strays by {spread:.1f})"
    else:
        told = f"in colour ({value:.0f}; 15 is slight, 59 quite colourful)"
    return Measurement(
        value=round(value, 3), reason=told, details={"toned": round(toned, 3), "spread": round(spread, 3)}
    )


def colourfulness(pixels: NDArray[np.uint8]) -> float:
    """M3 = σ + 0.3 μ of the opponent channels rg = R − G and yb = (R + G)/2 − B (Hasler & Süsstrunk 2003, eq. 1)."""
    red, green, blue = cv2.split(pixels.astype(np.float32))
    rg, yb = red - green, 0.5 * (red + green) - blue
    return float(np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean()))


def chroma_spread(pixels: NDArray[np.uint8]) -> float:
    """Root mean square distance, in CIELAB a b, of pixels to the mean chroma of their own lightness."""
    lab = cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    tone = np.clip(lab[..., 0] * (_TONES / 100), 0, _TONES - 1).astype(np.intp).ravel()
    count = np.maximum(np.bincount(tone, minlength=_TONES), 1)
    left = 0.0
    for chroma in (lab[..., 1].ravel(), lab[..., 2].ravel()):
        mean = np.bincount(tone, weights=chroma, minlength=_TONES) / count
        left += float(((chroma - mean[tone]) ** 2).mean())
    return float(np.sqrt(left))
