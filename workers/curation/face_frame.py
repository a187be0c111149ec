"""The square of a photo that is taught: head and shoulders around the detected face (docs/recipes.md §4)."""

import functools
import threading
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.curation.shrinking import area_reduced

FACE_HEIGHTS = 2.2
"""Side of the frame in heights of the detector's box, which reaches from mid-forehead to chin."""

DETECT_PX = 360
"""The picture is shrunk to this short side before detection: 14 ms instead of seconds, and no face lost by it."""

_MIN_FACE = 1 / 6  # of the short side; smaller boxes are buttons, medals and ears
_UPPER_SQUARE = (0.92, 0.04)  # side over the short side, top over the height
_CASCADES = ("haarcascade_frontalface_alt2.xml", "haarcascade_profileface.xml")


@dataclass(frozen=True)
class FaceBox:
    """A detected face in pixels of the picture, from mid-forehead to chin; frontal, or else a profile."""

    centre_x: float
    centre_y: float
    width: float
    height: float
    frontal: bool


@dataclass(frozen=True)
class FaceFrame:
    """A square inside the picture: left, top and side in pixels, and whether a face was found or it is a guess.

    faces: every face the detector saw, largest first; the frame stands on the first.
    """

    x: int
    y: int
    px: int
    face_found: bool
    faces: tuple[FaceBox, ...] = ()


def face_frame(pixels: NDArray[np.uint8]) -> FaceFrame:
    """The frame of an upright picture uint8 [H, W, 3].

    A square of 2.2 face heights centred on the face, never larger than the picture and shifted inside it: nothing is
    padded. Without a face: the upper-centre square. The same pixels always give the same frame.
    """
    height, width = pixels.shape[:2]
    faces = _faces(pixels)
    if not faces:
        share, top = _UPPER_SQUARE
        side = max(1, int(share * min(height, width)))
        return FaceFrame((width - side) // 2, min(int(top * height), height - side), side, False)
    face = faces[0]
    side = min(round(FACE_HEIGHTS * face.height), height, width)
    x = min(max(round(face.centre_x - side / 2), 0), width - side)
    y = min(max(round(face.centre_y - side / 2), 0), height - side)
    return FaceFrame(x, y, side, True, faces)


def crop(pixels: NDArray[np.uint8], frame: FaceFrame) -> NDArray[np.uint8]:
    """The frame's pixels [px, px, 3], a view."""
    return pixels[frame.y : frame.y + frame.px, frame.x : frame.x + frame.px]


def _faces(pixels: NDArray[np.uint8]) -> tuple[FaceBox, ...]:
    """Every face, largest first. Frontal ones; only where there is none, profiles of one side, then of the other."""
    grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    scale = min(1.0, DETECT_PX / min(grey.shape))
    if scale < 1.0:
        grey = area_reduced(grey, round(grey.shape[1] * scale), round(grey.shape[0] * scale))
    frontal, profile = (_detector(name, threading.get_ident()) for name in _CASCADES)
    for detector, mirrored in ((frontal, False), (profile, False), (profile, True)):
        boxes = _detect(detector, np.ascontiguousarray(grey[:, ::-1]) if mirrored else grey)
        if boxes:
            centres = [grey.shape[1] - (x + w / 2) if mirrored else x + w / 2 for x, _, w, _ in boxes]
            return tuple(
                FaceBox(x / scale, (y + h / 2) / scale, w / scale, h / scale, detector is frontal)
                for x, (_, y, w, h) in zip(centres, boxes, strict=True)
            )
    return ()


def _detect(detector: cv2.CascadeClassifier, grey: NDArray[np.uint8]) -> list[tuple[int, int, int, int]]:
    least = max(24, int(_MIN_FACE * min(grey.shape)))
    boxes = detector.detectMultiScale(grey, scaleFactor=1.1, minNeighbors=4, minSize=(least, least))
    # OpenCV's threads leave boxes in any order: largest first, then the upper left one.
    return sorted(((int(x), int(y), int(w), int(h)) for x, y, w, h in boxes), key=lambda b: (-b[3], b[1], b[0]))


@functools.lru_cache(maxsize=64)
def _detector(name: str, _thread: int) -> cv2.CascadeClassifier:
    """One detector for each thread: a cascade keeps the picture inside itself while it looks."""
    return cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / name))
