"""The sample grid: what a person looks at to see how a run does."""

import math
from pathlib import Path

import numpy as np
from PIL import Image

from workers.training.data import Pixels


def write_grid(path: Path, tiles: list[Pixels], *, columns: int = 0) -> None:
    """Tiles in reading order as one PNG, white where there is none; columns 0: about square."""
    wide = columns or math.ceil(math.sqrt(len(tiles)))
    rows = math.ceil(len(tiles) / wide)
    height, width = tiles[0].shape[:2]
    sheet = np.full((rows * height, wide * width, 3), 255, dtype=np.uint8)
    for index, tile in enumerate(tiles):
        y, x = divmod(index, wide)
        sheet[y * height : (y + 1) * height, x * width : (x + 1) * width] = tile
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(sheet).save(path)
