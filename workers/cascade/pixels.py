"""Pixels between stages: 8-bit sRGB-encoded values outside, floats in about [-1, 1] inside the networks.

Every conversion is integer or a single rounding, so that it gives the same bytes whatever the batch, the tile or the
device.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Picture = npt.NDArray[np.uint8]
"""One picture as [height, width, 3], sRGB-encoded."""

_STRIP_PX = 256
_STRIP_VALUES = 1 << 21
"""About so many values are summed at once where rows are long: eight bytes each, a few times over."""


def to_float(pixels: Tensor) -> Tensor:
    """uint8 0 … 255 -> float32 -1 … 1."""
    return pixels.to(torch.float32) / 127.5 - 1.0


def to_uint8(values: Tensor) -> Tensor:
    """float -1 … 1 (clamped) -> uint8, by floor(255·clamp(x, 0, 1) + 0.5) with x = (value + 1)/2, in float32."""
    unit = (values.float() + 1.0).mul_(0.5).clamp_(0.0, 1.0)
    return unit.mul_(255.0).add_(0.5).to(torch.uint8)  # to an integer is towards zero: floor, for what is positive


def picture_of(pixels: Tensor) -> Picture:
    """One uint8 tensor [3, H, W] on any device -> a contiguous picture [H, W, 3]."""
    # Plane by plane takes a third of a transposition's time.
    picture: Picture = np.stack(list(pixels.cpu().numpy()), axis=-1)
    return picture


def tensor_of(picture: Picture) -> Tensor:
    """A picture [H, W, 3] -> uint8 [3, H, W]."""
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))


def area_sums(picture: Picture, *, height: int, width: int) -> npt.NDArray[np.int64]:
    """The picture, taken as little squares of constant colour, integrated over a grid of height x width equal cells.

    Returns int64 [height, width, 3] sums: a cell's mean is its sum divided by (picture height · picture width). The
    sums are exact, so no order of summation, tile or thread count can change them.
    """
    return np.concatenate([sums for _, sums in _strips_of_sums(picture, height=height, width=width)])


def area_resample(picture: Picture, *, height: int, width: int) -> Picture:
    """The area mean of encoded values on another grid, rounded half up in integers. Any sizes;

    the same size is a copy. Needs little beyond both pictures: it goes strip by strip.
    """
    total = picture.shape[0] * picture.shape[1]
    resampled: Picture = np.empty((height, width, 3), dtype=np.uint8)
    for rows, sums in _strips_of_sums(picture, height=height, width=width):
        resampled[rows] = (2 * sums + total) // (2 * total)
    return resampled


def add_area_sums(
    total: npt.NDArray[np.int64], part: Picture, *, corner: tuple[int, int], whole: tuple[int, int]
) -> None:
    """Adds what a part of a picture brings to the ``area_sums`` of the whole, in place.

    ``corner``: the part's (top, left). ``whole``: the picture's (height, width). After all parts of a picture, each
    once and in any order, ``total`` is exactly ``area_sums`` of it.
    """
    width = part.shape[1]
    columns, across = _cells_over(corner[1], corner[1] + width, length=whole[1], cells=total.shape[1])
    for top in range(0, part.shape[0], _STRIP_PX):
        strip = part[top : top + _STRIP_PX].astype(np.int64)
        first = corner[0] + top
        rows, down = _cells_over(first, first + strip.shape[0], length=whole[0], cells=total.shape[0])
        strip = _sums_between(strip, across, cells=total.shape[1], axis=1)
        total[rows, columns] += _sums_between(strip, down, cells=total.shape[0], axis=0)


def area_resample_rows(
    strips: Iterable[Picture], *, whole: tuple[int, int], height: int, width: int
) -> Iterator[Picture]:
    """``area_resample`` of a picture that comes and goes some rows at a time, from the top.

    ``whole``: its (height, width). Holds little more than a strip: what is enough for no whole row waits for the next.
    """
    total, across = whole[0] * whole[1], np.arange(width + 1, dtype=np.int64) * whole[1]
    held: Picture = np.empty((0, whole[1], 3), dtype=np.uint8)
    begin, top = 0, 0  # the picture's row that `held` begins with, and the next row to leave
    for strip in strips:
        held = np.concatenate([held, strip]) if held.shape[0] else strip
        there = height if begin + held.shape[0] == whole[0] else (begin + held.shape[0]) * height // whole[0]
        step = max(1, _STRIP_VALUES // (3 * whole[1]) * height // whole[0])
        while top < there:
            bottom = min(top + step, there)
            first, last = top * whole[0] // height, -(-bottom * whole[0] // height)
            down = np.arange(top, bottom + 1, dtype=np.int64) * whole[0] - first * height
            values = held[first - begin : last - begin].astype(np.int64)
            sums = _sums_between(_sums_between(values, across, cells=width, axis=1), down, cells=height, axis=0)
            reduced: Picture = ((2 * sums + total) // (2 * total)).astype(np.uint8)
            yield reduced
            top = bottom
        needed = top * whole[0] // height
        held, begin = held[needed - begin :].copy(), needed  # a copy: strips may be reused


def _cells_over(start: int, stop: int, *, length: int, cells: int) -> tuple[slice, npt.NDArray[np.int64]]:
    """Which of ``cells`` equal cells of an axis lie over its pixels start … stop, and their edges there, clipped, in
    units of 1/cells of a pixel from ``start``."""
    first, last = start * cells // length, -(-stop * cells // length)
    edges = np.arange(first, last + 1, dtype=np.int64) * length
    return slice(first, last), np.clip(edges, start * cells, stop * cells) - start * cells


def _strips_of_sums(picture: Picture, *, height: int, width: int) -> Iterator[tuple[slice, npt.NDArray[np.int64]]]:
    """Some rows of cells at a time, and their sums: as many as cover about ``_STRIP_PX`` rows of the picture."""
    rows, columns = picture.shape[:2]
    across = np.arange(width + 1, dtype=np.int64) * columns
    step = max(1, _STRIP_PX * height // rows)
    for top in range(0, height, step):
        bottom = min(top + step, height)
        first, last = top * rows // height, -(-bottom * rows // height)
        down = np.arange(top, bottom + 1, dtype=np.int64) * rows - first * height
        strip = _sums_between(picture[first:last].astype(np.int64), across, cells=width, axis=1)
        yield slice(top, bottom), _sums_between(strip, down, cells=height, axis=0)


def _sums_between(
    values: npt.NDArray[np.int64], edges: npt.NDArray[np.int64], *, cells: int, axis: int
) -> npt.NDArray[np.int64]:
    """Sums along ``axis`` from each edge to the next, edges and sums in units of 1/cells of a pixel: whole numbers."""
    whole, part = edges // cells, edges % cells
    before = np.concatenate([np.zeros_like(values.take([0], axis)), values.cumsum(axis)], axis)
    # The last edge may have no part; its index is clamped only to stay inside the array.
    last = values.shape[axis] - 1
    parts = values.take(np.minimum(whole, last), axis) * np.expand_dims(part, tuple(range(1, values.ndim - axis)))
    integral = before.take(whole, axis) * cells + parts
    sums: npt.NDArray[np.int64] = np.diff(integral, axis=axis)
    return sums
