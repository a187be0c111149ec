"""Blur: the Gaussian that the sharpest strong edges look convolved with, and whether it has a direction."""

import numpy as np
from numpy.typing import NDArray

from workers.curation.edges import COARSE_PX, FINE_PX, LEAST_EDGES
from workers.curation.look import Look, Measurement

MOST_BLUR_PX = 12.0
"""Wider blur cannot be told from a shadow."""

_SHARPEST = 30.0  # percentile of the edges' blur: shadows and what lies out of focus are soft in any photo
_LINES = 0.6  # px²: by so much real edges, being bent or thin, fall short of a long step
_MOVED = 0.42  # sharp portraits stay below 0.35
_DIRECTIONS = 6
_STILL_PX = 0.7  # added in quadrature before directions are compared: what edges of a sharp photo have


def blur(look: Look) -> Measurement:
    """σ in pixels of the frame of the equivalent Gaussian. details: motion 0 (none) … 1, edges (how many were used).

    A step edge of own blur s has the slope A/√(2π(s² + g²)) under a Gaussian g; the ratio of two slopes gives s (Zhuo
    and Sim, Pattern Recognition 44, 2011, with two Gaussians in place of one, so that noise is not an edge).
    """
    edges = look.edges
    if len(edges.x) < LEAST_EDGES:
        few = {"motion": 0.0, "edges": float(len(edges.x))}
        return Measurement(value=0.0, reason="too few edges to tell", details=few)
    squares = edge_blur_squared(edges.fine, edges.coarse)
    sigma = _typical_px(squares)
    motion = _motion(squares, np.arctan2(edges.down, edges.right))
    words = f"its sharp edges are blurred by σ {sigma:.1f} px" + ("; in one direction" if motion > _MOVED else "")
    details = {"motion": round(motion, 3), "edges": float(len(squares))}
    return Measurement(value=round(sigma, 3), reason=words, details=details)


def edge_blur_squared(fine: NDArray[np.float32], coarse: NDArray[np.float32]) -> NDArray[np.float64]:
    """[N] each edge's own s² = (g₂² − R² g₁²) / (R² − 1) in px², R = slope under g₁ / slope under g₂.

    At least −g₁²: below 0 lie lines and corners, which lose more under the coarse Gaussian than a step does.
    """
    ratio = np.square(fine.astype(np.float64) / np.maximum(coarse, 1e-3))
    square = (COARSE_PX**2 - ratio * FINE_PX**2) / np.maximum(ratio - 1, 1e-3)
    return np.asarray(np.clip(square, -(FINE_PX**2), MOST_BLUR_PX**2), dtype=np.float64)


def _typical_px(squares: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.clip(np.percentile(squares, _SHARPEST) + _LINES, 0, MOST_BLUR_PX**2)))


def _motion(squares: NDArray[np.float64], angle: NDArray[np.float32]) -> float:
    """1 − (least / most blur over directions), of directions with enough edges."""
    part = np.floor(angle / np.pi * _DIRECTIONS + 0.5).astype(np.int64) % _DIRECTIONS
    groups = [squares[part == k] for k in range(_DIRECTIONS)]
    sigmas = [np.hypot(_typical_px(g), _STILL_PX) for g in groups if len(g) >= LEAST_EDGES]
    return float(1 - min(sigmas) / max(sigmas)) if len(sigmas) > 1 else 0.0
