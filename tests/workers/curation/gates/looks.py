"""Opened pictures for the gates."""

import numpy as np
from numpy.typing import NDArray

from tests.workers.curation.pictures import portrait, saved
from workers.curation.face_frame import face_frame
from workers.curation.look import Look
from workers.photos.opening import open_photo

Pixels = NDArray[np.uint8]


def pixels_of(name: str = "001.jpg") -> Pixels:
    return open_photo(portrait(name), max_bytes=1 << 24, max_px=10**7).pixels


def look_at(pixels: Pixels) -> Look:
    """The picture as it comes in through the door, from a file without loss."""
    photo = open_photo(saved(pixels, "PNG"), max_bytes=1 << 28, max_px=10**8)
    return Look(photo, face_frame(photo.pixels))


def odd_pictures() -> dict[str, Pixels]:
    """Pictures at the edge of what is allowed, which every gate must measure without falling over."""
    rng = np.random.default_rng(5)
    return {
        "tiny": rng.integers(0, 256, (16, 16, 3)).astype(np.uint8),
        "black": np.zeros((300, 200, 3), np.uint8),
        "white": np.full((64, 64, 3), 255, np.uint8),
        "wide": rng.integers(0, 256, (16, 2000, 3)).astype(np.uint8),
        "tall": np.repeat(np.linspace(0, 255, 1500).astype(np.uint8), 20 * 3).reshape(1500, 20, 3),
        "noise": rng.integers(0, 256, (257, 301, 3)).astype(np.uint8),
    }
