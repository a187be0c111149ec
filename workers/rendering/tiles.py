"""A picture in tiles that was never whole in one process: read where it is needed, or row by row."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray

from workers.cascade.windows import Window

Picture = NDArray[np.uint8]
PREVIEW_PX = 512
KEPT_TILES = 4
"""Tiles of a picture that stay in memory once read: as many as meet in a corner."""


class Preview:
    """Every n-th pixel of a picture that passes in strips: good enough for a contact sheet."""

    def __init__(self, long_px: int) -> None:
        self._every, self._rows, self._passed = max(1, long_px // PREVIEW_PX), list[Picture](), 0

    def of(self, strips: Iterable[Picture]) -> Iterator[Picture]:
        """The strips as they are; afterwards there is a `picture`."""
        for strip in strips:
            self._rows.append(strip[-self._passed % self._every :: self._every, :: self._every].copy())
            self._passed += strip.shape[0]
            yield strip

    @property
    def picture(self) -> Picture:
        return np.concatenate(self._rows)


@dataclass(frozen=True)
class Box:
    """A rectangle of a picture in its pixels, half open."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def size(self) -> tuple[int, int]:
        return self.bottom - self.top, self.right - self.left


@dataclass(frozen=True)
class Grid:
    """How a picture is cut: edges of the rows and of the columns, from 0 to the picture's height and width."""

    rows: tuple[int, ...]
    columns: tuple[int, ...]

    @classmethod
    def even(cls, height: int, width: int, *, tile_px: int) -> "Grid":
        """Tiles of `tile_px`, the last ones smaller."""
        return cls((*range(0, height, tile_px), height), (*range(0, width, tile_px), width))

    @classmethod
    def of(cls, windows: Iterable[Window], *, factor: int) -> "Grid":
        """What each window of a picture leaves of the picture `factor` times as large."""
        spans = [(window.rows.keep_stop, window.columns.keep_stop) for window in windows]
        down, across = (sorted({factor * span[axis] for span in spans}) for axis in (0, 1))
        return cls((0, *down), (0, *across))

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the picture."""
        return self.rows[-1], self.columns[-1]

    @property
    def boxes(self) -> list[Box]:
        """The tiles, row by row."""
        return [Box(*row, *column) for row, column in product(pairwise(self.rows), pairwise(self.columns))]


class TiledPicture:
    """A picture whose tiles lie elsewhere. `read` gets one, uint8 [h, w, 3], by its number, row by row."""

    def __init__(self, grid: Grid, read: Callable[[int, Box], Picture]) -> None:
        self.grid = grid
        self._read = read
        self._boxes = grid.boxes
        self._kept: OrderedDict[int, Picture] = OrderedDict()

    def part(self, box: Box) -> Picture:
        """The pixels of a rectangle. Reads the tiles that it touches and no other."""
        found: Picture = np.empty((*box.size, 3), dtype=np.uint8)
        for index, tile in enumerate(self._boxes):
            top, bottom = max(box.top, tile.top), min(box.bottom, tile.bottom)
            left, right = max(box.left, tile.left), min(box.right, tile.right)
            if top < bottom and left < right:
                pixels = self._tile(index)
                found[top - box.top : bottom - box.top, left - box.left : right - box.left] = pixels[
                    top - tile.top : bottom - tile.top, left - tile.left : right - tile.left
                ]
        return found

    def parts(self) -> Iterator[tuple[Box, Picture]]:
        """Every tile once, one in memory at a time."""
        for index, box in enumerate(self._boxes):
            yield box, self._read(index, box)

    def strips(self) -> Iterator[Picture]:
        """The picture from the top, a row of tiles at a time. Each strip is valid until the next one is asked for."""
        columns = len(self.grid.columns) - 1
        heights = [bottom - top for top, bottom in pairwise(self.grid.rows)]
        row: Picture = np.empty((max(heights), self.grid.size[1], 3), dtype=np.uint8)
        for first, height in zip(range(0, len(self._boxes), columns), heights, strict=True):
            for index, box in list(enumerate(self._boxes))[first : first + columns]:
                row[:height, box.left : box.right] = self._read(index, box)
            yield row[:height]

    def _tile(self, index: int) -> Picture:
        if index not in self._kept:
            while len(self._kept) >= KEPT_TILES:
                self._kept.popitem(last=False)
            self._kept[index] = self._read(index, self._boxes[index])
        self._kept.move_to_end(index)
        return self._kept[index]
