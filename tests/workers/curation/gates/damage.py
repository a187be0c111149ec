"""Damage of known strength, done to the portraits that ship with the project."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.workers.curation.pictures import portrait, saved
from workers.curation.face_frame import face_frame
from workers.curation.look import Look
from workers.photos.opening import open_photo

Pixels = NDArray[np.uint8]
NAMES = ("001.jpg", "020.jpg")


def pixels(name: str) -> Pixels:
    return np.asarray(Image.open(io.BytesIO(portrait(name))).convert("RGB"))


def look_at(body: bytes | Pixels) -> Look:
    """What the gates see of a file, or of pixels saved without loss."""
    if not isinstance(body, bytes):
        body = saved(np.ascontiguousarray(body), "PNG", compress_level=1)
    photo = open_photo(body, max_bytes=64 << 20, max_px=100_000_000)
    return Look(photo, face_frame(photo.pixels))


def grey(picture: Pixels) -> Pixels:
    return np.asarray(Image.fromarray(picture).convert("L").convert("RGB"))


def through_jpeg(picture: Pixels, quality: int) -> Pixels:
    """Decoded again after one save."""
    body = saved(np.ascontiguousarray(picture), "JPEG", quality=quality)
    return np.asarray(Image.open(io.BytesIO(body)).convert("RGB"))


def resized(picture: Pixels, factor: float, how: Image.Resampling) -> Pixels:
    """Shrunk by the factor and enlarged again to its size."""
    height, width = picture.shape[:2]
    small = (round(width / factor), round(height / factor))
    shrunk = Image.fromarray(picture).resize(small, Image.Resampling.LANCZOS)
    return np.asarray(shrunk.resize((width, height), how))
