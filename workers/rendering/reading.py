"""Pixels of PNG files that this farm wrote."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from farm.errors import InvalidInput


def pixels_of(body: bytes, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """The pixels of a PNG that has to have this shape, [H, W, 3]; nothing larger is decoded. Raises InvalidInput."""
    try:
        with Image.open(io.BytesIO(body), formats=["PNG"]) as opened:
            if (opened.height, opened.width, 3) != shape or opened.mode != "RGB":
                raise InvalidInput(f"it holds {opened.width} x {opened.height} {opened.mode} pixels")
            pixels: NDArray[np.uint8] = np.asarray(opened)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InvalidInput(f"it cannot be read: {error}") from error
    return pixels
