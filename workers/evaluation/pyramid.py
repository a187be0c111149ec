"""Pictures at every scale: Gaussian and Laplacian pyramids, and the part of a large level that is looked at."""

import itertools

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

Plane = NDArray[np.float32]

COARSEST_PX = 16
FIELDS = 4
"""Energies are kept for FIELDS × FIELDS fields of a picture."""
WHOLE_UP_TO_PX = 256
TILE_PX = 96
"""Levels larger than WHOLE_UP_TO_PX are seen through one centred tile in each field."""


def level_sides(size_px: int) -> list[int]:
    """Sides of the pyramid's levels, finest first: halved while whole and at least COARSEST_PX."""
    sides = [size_px]
    while sides[-1] % 2 == 0 and sides[-1] // 2 >= COARSEST_PX:
        sides.append(sides[-1] // 2)
    return sides


def gaussian(picture: NDArray[np.uint8]) -> list[Plane]:
    """float32 [side, side, 3] a level, in 8-bit levels: 5 × 5 binomial, every second pixel (Burt and Adelson 1983)."""
    levels = [picture.astype(np.float32)]
    for side in level_sides(len(picture))[1:]:
        levels.append(np.asarray(cv2.pyrDown(levels[-1], dstsize=(side, side)), dtype=np.float32))
    return levels


def laplacian(levels: list[Plane]) -> list[Plane]:
    """What each Gaussian level has beyond the next one; the coarsest is left as it is, around mid-grey."""
    finer = itertools.pairwise(levels)
    detail = [level - cv2.pyrUp(coarser, dstsize=level.shape[:2]) for level, coarser in finer]
    return [*detail, levels[-1] - np.float32(127.5)]


def tiles(planes: Tensor) -> Tensor:
    """What is looked at of [N, C, s, s]: itself as [N, 1, C, s, s], or [N, FIELDS², C, TILE_PX, TILE_PX]."""
    side = planes.shape[-1]
    if side <= WHOLE_UP_TO_PX:
        return planes[:, None]
    starts = [(2 * field + 1) * side // (2 * FIELDS) - TILE_PX // 2 for field in range(FIELDS)]
    cut = [planes[..., top : top + TILE_PX, left : left + TILE_PX] for top in starts for left in starts]
    return torch.stack(cut, dim=1)


def in_fields(maps: Tensor, pictures: int) -> Tensor:
    """Means over the fields of a picture: [N·T, F, h, w] -> [N, F, FIELDS²]."""
    if len(maps) == pictures:
        return functional.adaptive_avg_pool2d(maps, FIELDS).flatten(2)
    return maps.mean(dim=(2, 3)).reshape(pictures, -1, maps.shape[1]).transpose(1, 2)
