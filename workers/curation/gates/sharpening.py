"""Over-sharpening: bright and dark halos along strong edges."""

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.curation.edges import LEAST_EDGES, Edges
from workers.curation.look import Look, Measurement

MOST_PROFILES = 4000

_REACH_PX = 7.0
_OFFSETS = np.arange(-_REACH_PX, _REACH_PX + 0.1, 0.5, dtype=np.float32)
_PLATEAU = np.abs(_OFFSETS) >= 4.5
_HALO = (np.abs(_OFFSETS) >= 0.5) & (np.abs(_OFFSETS) <= 4.0)
_LEAST_STEP = 16.0  # levels between the two sides
_FLAT = 0.2  # a side may vary by this share of the step; otherwise it is no plateau but texture


def sharpening(look: Look) -> Measurement:
    """Overshoot 0 … 1: by how much of its step a strong edge between two plain sides is exceeded beside it.

    details: profiles (how many edges were used). The median over edges of the mean of both sides' overshoot; 0 where
    there are too few such edges to tell.
    """
    grey = look.frame_luma
    over = overshoots(grey, look.edges)
    details = {"profiles": float(len(over))}
    if len(over) < LEAST_EDGES // 2:
        return Measurement(value=0.0, reason="too few plain edges to see a halo", details=details)
    value = float(np.clip(np.median(over), 0, 1))
    words = f"strong edges are exceeded by {value:.0%} of their step"
    return Measurement(value=round(value, 4), reason=words, details=details)


def overshoots(grey: NDArray[np.float32], edges: Edges) -> NDArray[np.float32]:
    """[usable edges] overshoot in parts of the step, from profiles across the edges of luma [H, W]."""
    x = edges.x[:MOST_PROFILES, None] + edges.right[:MOST_PROFILES, None] * _OFFSETS
    y = edges.y[:MOST_PROFILES, None] + edges.down[:MOST_PROFILES, None] * _OFFSETS
    if not len(x):
        return np.zeros(0, dtype=np.float32)
    lines = np.asarray(cv2.remap(grey, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT), dtype=np.float32)
    dark, bright = lines[:, _PLATEAU & (_OFFSETS < 0)], lines[:, _PLATEAU & (_OFFSETS > 0)]
    low, high = dark.mean(1), bright.mean(1)
    step = high - low
    spread = np.maximum(np.ptp(dark, axis=1), np.ptp(bright, axis=1))
    good = (step > _LEAST_STEP) & (spread < _FLAT * step)
    above = lines[:, _HALO & (_OFFSETS > 0)].max(1) - high
    below = low - lines[:, _HALO & (_OFFSETS < 0)].min(1)
    return np.asarray((np.maximum(above, 0) + np.maximum(below, 0))[good] / (2 * step[good]), dtype=np.float32)
