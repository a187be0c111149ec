"""Real pictures for the figures' tests: the demo's photos, framed on the face, and portraits of its cascade."""

import csv
import functools
import io
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.workers.cascade.shipped import shipped_cascade
from workers.cascade.noise import latents
from workers.curation.face_frame import crop, face_frame
from workers.photos.opening import open_photo

PHOTOS = Path("deploy/demo/photos")
Pictures = NDArray[np.uint8]


@functools.cache
def photos(size_px: int) -> Pictures:
    """The demo's 24 photos, one a person: uint8 [24, size_px, size_px, 3]."""
    return np.stack([_framed(path, size_px) for path in sorted(PHOTOS.glob("*.jpg"))])


def people() -> list[str]:
    """Who is on each of them."""
    return [row["person"] for row in csv.DictReader((PHOTOS / "people.csv").read_text().splitlines())]


@functools.cache
def portraits(count: int, *, first: int = 0) -> Pictures:
    """Portraits of the demo cascade's base, 64 px."""
    base = shipped_cascade().base
    return np.stack(list(base.render(latents(range(first, first + count), 64))))


def jpeg(pictures: Pictures, quality: int) -> Pictures:
    """Each picture saved and opened again."""
    return np.stack([_jpeg(picture, quality) for picture in pictures])


def blurred(pictures: Pictures, sigma_px: float) -> Pictures:
    return np.stack([cv2.GaussianBlur(picture, (0, 0), sigma_px) for picture in pictures])


def checkerboard(pictures: Pictures, share: float) -> Pictures:
    """± share of the range on alternating pixels."""
    rows, columns = np.indices(pictures.shape[1:3])
    sign = ((rows + columns) % 2 * 2 - 1)[:, :, None] * share * 127.5
    return np.clip(np.rint(pictures + sign), 0, 255).astype(np.uint8)


def _jpeg(picture: Pictures, quality: int) -> Pictures:
    body = io.BytesIO()
    Image.fromarray(picture).save(body, "JPEG", quality=quality)
    return np.asarray(Image.open(body).convert("RGB"), dtype=np.uint8)


def _framed(path: Path, size_px: int) -> Pictures:
    pixels = open_photo(path.read_bytes(), max_bytes=2**26, max_px=10**8).pixels
    frame = np.ascontiguousarray(crop(pixels, face_frame(pixels)))
    return np.asarray(cv2.resize(frame, (size_px, size_px), interpolation=cv2.INTER_AREA), dtype=np.uint8)
