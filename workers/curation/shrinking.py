"""Making pictures small fast: in exact 2 × 2 means while that leaves enough, then by area."""

import cv2
import numpy as np
from numpy.typing import NDArray


def area_reduced(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """uint8 [height, width, …] of a larger picture uint8 [H, W, …].

    A mean over any area costs OpenCV 51 ms of 12 megapixels, 2 × 2 means of them 4 ms. They leave at least twice the
    size asked for, and an odd last row or column out.
    """
    while pixels.shape[0] >= 4 * height and pixels.shape[1] >= 4 * width:
        half = (pixels.shape[1] // 2, pixels.shape[0] // 2)
        even = pixels[: 2 * half[1], : 2 * half[0]]
        pixels = np.asarray(cv2.resize(even, half, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
