"""The sample sheet: what a person looks at to see how a run does."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from workers.cascade.pixels import Picture
from workers.training.config import RunConfig

FILM_SHEETS = 24
"""A run leaves at least so many sheets, where its log has as many lines: what its film is made of."""


@dataclass(frozen=True)
class SampleSheet:
    """Equally large tiles in reading order; columns 0: about square. figures: numbers measured on the samples."""

    tiles: Sequence[Picture]
    columns: int = 0
    figures: Mapping[str, float] = field(default_factory=dict)


def sheet_stops(nimg: int, stop_nimg: int, run: RunConfig) -> Iterator[int]:
    """Where a slice from `nimg` images on stops for a sheet: evenly, never more often than it logs, the end is last."""
    span = max(0, stop_nimg - nimg)
    parts = max(1, min(math.ceil(FILM_SHEETS * span / run.total_nimg), span // run.log_nimg))
    for part in range(1, parts):
        yield nimg + span * part // parts
    yield stop_nimg


def write_sheet(path: Path, sheet: SampleSheet) -> None:
    """The sheet as one PNG, white where there is no tile."""
    wide = sheet.columns or math.ceil(math.sqrt(len(sheet.tiles)))
    rows = math.ceil(len(sheet.tiles) / wide)
    height, width = sheet.tiles[0].shape[:2]
    pixels = np.full((rows * height, wide * width, 3), 255, dtype=np.uint8)
    for index, tile in enumerate(sheet.tiles):
        y, x = divmod(index, wide)
        pixels[y * height : (y + 1) * height, x * width : (x + 1) * width] = tile
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
