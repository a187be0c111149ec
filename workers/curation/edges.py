"""The strongest edges of a picture: where they are, which way they face, how steep they are at two scales."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

FINE_PX, COARSE_PX = 1.0, 2.0
"""σ of the two Gaussians under which the slope is measured."""
MOST_EDGES = 4000
LEAST_EDGES = 40
"""Fewer say nothing."""

_LEAST_SLOPE = 1.5  # levels per pixel under FINE_PX: a step of 4 levels if sharp, of 75 under a blur of σ 20
_MARGIN_PX = 8
_Array = NDArray[np.float32]


@dataclass(frozen=True)
class Edges:
    """Points on ridges of the slope, the steepest first. All arrays [N] float32: place in pixels, direction of the
    steepest ascent as a unit vector, slope in levels per pixel under the fine and the coarse Gaussian."""

    x: _Array
    y: _Array
    right: _Array
    down: _Array
    fine: _Array
    coarse: _Array


def strong_edges(grey: NDArray[np.float32]) -> Edges:
    """The at most MOST_EDGES steepest edge points of luma [H, W]; a point is kept where no neighbour is steeper."""
    right, down, fine = _slope(grey, FINE_PX)
    coarse = _slope(grey, COARSE_PX)[2]
    ridge = (fine >= cv2.dilate(fine, np.ones((3, 3), np.uint8))) & (fine > _LEAST_SLOPE)
    ridge[:_MARGIN_PX], ridge[-_MARGIN_PX:], ridge[:, :_MARGIN_PX], ridge[:, -_MARGIN_PX:] = False, False, False, False
    place = np.flatnonzero(ridge)
    steepness = fine.reshape(-1)[place]
    if len(place) > MOST_EDGES:  # the rest need no order
        kept = steepness >= np.partition(steepness, -MOST_EDGES)[-MOST_EDGES]
        place, steepness = place[kept], steepness[kept]
    y, x = np.divmod(place[np.argsort(-steepness, kind="stable")[:MOST_EDGES]], grey.shape[1])
    steep = fine[y, x]
    return Edges(
        x=x.astype(np.float32),
        y=y.astype(np.float32),
        right=right[y, x] / steep,
        down=down[y, x] / steep,
        fine=steep,
        coarse=coarse[y, x],
    )


def _slope(grey: _Array, sigma_px: float) -> tuple[_Array, _Array, _Array]:
    soft = cv2.GaussianBlur(grey, (0, 0), sigma_px)
    right = np.asarray(cv2.Scharr(soft, cv2.CV_32F, 1, 0, scale=1 / 32), dtype=np.float32)
    down = np.asarray(cv2.Scharr(soft, cv2.CV_32F, 0, 1, scale=1 / 32), dtype=np.float32)
    return right, down, np.asarray(cv2.magnitude(right, down), dtype=np.float32)
