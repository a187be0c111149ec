"""What an upscaler must keep: its input, no seams, and one face whatever the place it is painted at."""

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from farm.errors import InvalidInput

Pictures = NDArray[np.uint8]
IDENTICAL_DB = 99.0
"""Told for pictures that do not differ: beyond what 8 bits can show."""


def psnr_db(one: Pictures, other: Pictures) -> float:
    """Peak signal to noise of 8-bit pictures of one shape, in decibels, at most IDENTICAL_DB."""
    if one.shape != other.shape or not one.size:
        raise InvalidInput(f"pictures of one shape are compared, not {one.shape} and {other.shape}")
    error = float(np.mean((one.astype(np.float64) - other) ** 2))
    return IDENTICAL_DB if error == 0 else min(IDENTICAL_DB, 10 * math.log10(255**2 / error))


def downsample_consistency_db(output: Pictures, source: Pictures) -> float:
    """PSNR of an upscaled picture, area-reduced to its input's size, against that input. Higher is better."""
    side = len(source)
    if output.shape[:2] != output.shape[1::-1] or len(output) % side or len(output) < side:
        raise InvalidInput(f"an output of {output.shape} is no whole enlargement of {source.shape}")
    return psnr_db(np.asarray(cv2.resize(output, (side, side), interpolation=cv2.INTER_AREA), np.uint8), source)


def seam_ratio(pictures: Pictures, lines: Sequence[int]) -> float:
    """How much luma jumps across tile lines over how much across others, of uint8 [N, s, s, 3]; 1: no seam.

    lines: first rows, and columns, of the tiles but the first one.

    A jump is a step less the mean of the two steps beside it, squared: a seam is one step, an edge of the picture more.
    Raises InvalidInput where a line does not lie in the pictures, or there is none.
    """
    if pictures.ndim != 4 or not len(pictures) or not lines:
        raise InvalidInput(f"there is no line between tiles in pictures of {pictures.shape}")
    if not 2 <= min(lines) <= max(lines) <= min(pictures.shape[1:3]) - 2:
        raise InvalidInput(f"lines {min(lines)} to {max(lines)} do not lie in pictures of {pictures.shape}")
    at_lines, elsewhere = [], []
    for picture in pictures:
        luma = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float64)
        for turned in (luma, luma.T):
            steps = np.diff(turned, axis=0)
            jumps = (steps[1:-1] - (steps[:-2] + steps[2:]) / 2) ** 2
            at_line = np.isin(np.arange(len(jumps)) + 2, lines)
            at_lines.append(jumps[at_line].mean())
            elsewhere.append(jumps[~at_line].mean())
    return float((np.mean(at_lines) + 1e-6) / (np.mean(elsewhere) + 1e-6))


def shift_stability_db(output: Pictures, of_shifted: Pictures, factor: int) -> float:
    """PSNR of two outputs, the second of the input moved one pixel right and down, laid over each other.

    Noise that is bound to places of the picture moves with neither, so it counts: compare like with like. The outer
    sixteenth is left out.
    """
    if output.shape != of_shifted.shape or factor < 1:
        raise InvalidInput(f"two outputs of one shape are compared, not {output.shape} and {of_shifted.shape}")
    back = of_shifted[factor:, factor:]
    fitting = output[: len(back), : len(back)]
    edge = max(factor, len(back) // 16)
    return psnr_db(fitting[edge:-edge, edge:-edge], back[edge:-edge, edge:-edge])


def shifted(source: Pictures) -> Pictures:
    """The input of the second output: one pixel right and down, the edge repeated."""
    return np.pad(source, ((1, 0), (1, 0), (0, 0)), mode="edge")[:-1, :-1]
