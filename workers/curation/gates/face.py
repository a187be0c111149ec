"""Faces: how many, how large, turned how, and whether something covers the eyes or the mouth."""

import functools
import threading
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.curation.face_frame import FaceBox
from workers.curation.look import Look, Measurement

SMALLEST_SHARE = 0.4
"""Boxes below this share of the largest face's height are medals, ties and passers-by, not a second sitter."""
FACE_PX = 120
"""The face is reduced to this width before its eyes are looked for: about 4 ms."""
_EYES = ("haarcascade_eye_tree_eyeglasses.xml", "haarcascade_eye.xml")
_EYE_BAND = (0.15, 0.60)
_EYE_SIZE = (0.14, 0.38)

Plane = NDArray[np.uint8]


def face(look: Look) -> Measurement:
    """Number of faces found by the detector.

    details: size_share, height of the largest face over the picture's short side; frontal, 1 for a face from the front,
    0 for a profile, less than 1 where the eyes sit off its middle; occluded 0 … 1, from eyes and mouth not to be seen;
    several, 1 if there is a second face.
    """
    frame = look.frame
    where = f"{frame.px} px square at {frame.x}, {frame.y}"
    if not frame.faces:
        details = {"size_share": 0.0, "frontal": 0.0, "occluded": 0.0, "several": 0.0}
        return Measurement(value=0, reason=f"no face seen: upper square, {where}", details=details)
    largest = frame.faces[0]
    count = 1 + sum(_is_another(look.photo.pixels, box, largest) for box in distinct(frame.faces)[1:])
    size_share = largest.height / min(look.photo.pixels.shape[:2])
    frontal, occluded = _sight(look.photo.pixels, largest)
    told = f"{count} faces, the largest in a {where}" if count > 1 else f"a face in a {where}"
    told += "" if frontal > 0.5 else "; seen from the side"
    told += "; something may cover it" if occluded > 0.5 else ""
    details = {"size_share": size_share, "frontal": frontal, "occluded": occluded, "several": float(count > 1)}
    return Measurement(value=count, reason=told, details={name: round(v, 3) for name, v in details.items()})


def distinct(faces: tuple[FaceBox, ...]) -> list[FaceBox]:
    """Faces that are no smaller than SMALLEST_SHARE of the largest and whose middles lie outside those before them."""
    kept: list[FaceBox] = []
    for box in faces:
        inside = any(
            abs(box.centre_x - k.centre_x) < (k.width + box.width) / 2
            and abs(box.centre_y - k.centre_y) < (k.height + box.height) / 2
            for k in kept
        )
        if not inside and box.height >= SMALLEST_SHARE * faces[0].height:
            kept.append(box)
    return kept


def _is_another(pixels: Plane, box: FaceBox, largest: FaceBox) -> bool:
    """Whether there is an eye in a further box; below the face, where collars and ties are, both.

    Of 884 portraits of one sitter the detector alone saw a second face in 19, each time a collar with its tie.
    """
    if not box.frontal:
        return True
    eyes = _eyes(np.asarray(cv2.cvtColor(_cut(pixels, box), cv2.COLOR_RGB2GRAY), dtype=np.uint8))
    collar = box.centre_y > largest.centre_y and abs(box.centre_x - largest.centre_x) < largest.width / 2
    return len(eyes) >= (2 if collar else 1)


def _sight(pixels: Plane, box: FaceBox) -> tuple[float, float]:
    """(frontal, occluded) of the face in the box."""
    if not box.frontal:
        return 0.0, 0.0
    cut = _cut(pixels, box)
    eyes = _eyes(np.asarray(cv2.cvtColor(cut, cv2.COLOR_RGB2GRAY), dtype=np.uint8))
    shade = _shade(cut)
    if len(eyes) == 2:
        off = abs(sum(x for x, _ in eyes) / 2 - 0.5)
        return float(np.clip(1.3 - 4 * off, 0, 1)), min(1.0, 0.2 + shade) if shade > 0.5 else 0.5 * shade
    missing = 0.25 if len(eyes) == 1 else 0.5
    return 0.8 if eyes else 0.6, float(np.clip(missing + 0.5 * shade, 0, 1))


def _cut(pixels: Plane, box: FaceBox) -> Plane:
    """The box's pixels, reduced to FACE_PX in width."""
    x, y = max(0, int(box.centre_x - box.width / 2)), max(0, int(box.centre_y - box.height / 2))
    cut = pixels[y : y + max(8, int(box.height)), x : x + max(8, int(box.width))]
    way = cv2.INTER_AREA if cut.shape[1] > FACE_PX else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(cut, (FACE_PX, FACE_PX), interpolation=way), dtype=np.uint8)


def _eyes(grey: Plane) -> list[tuple[float, float]]:
    """Middles of at most one eye on each side of the face, in shares of its box."""
    top, bottom = (int(share * FACE_PX) for share in _EYE_BAND)
    least, most = (int(share * FACE_PX) for share in _EYE_SIZE)
    band = np.ascontiguousarray(cv2.equalizeHist(grey)[top:bottom])
    sides: dict[bool, tuple[float, float]] = {}
    for name in _EYES:
        found = _detector(name, threading.get_ident()).detectMultiScale(
            band, scaleFactor=1.1, minNeighbors=3, minSize=(least, least), maxSize=(most, most)
        )
        for x, y, w, h in found:
            middle = ((x + w / 2) / FACE_PX, (top + y + h / 2) / FACE_PX)
            sides.setdefault(middle[0] < 0.5, middle)
        if len(sides) == 2:
            break
    return list(sides.values())


def _shade(cut: Plane) -> float:
    """0 … 1: how far the eyes or the mouth have another colour than forehead and cheeks, as under glasses or a mask."""
    soft = cv2.GaussianBlur(cut, (0, 0), 2).astype(np.float32) / 255
    lab = np.asarray(cv2.cvtColor(soft, cv2.COLOR_RGB2LAB), dtype=np.float32)
    skin = np.median(_part(lab, (0.06, 0.20), (0.30, 0.70)), axis=0)
    nose = np.median(_part(lab, (0.45, 0.62), (0.40, 0.60)), axis=0)
    glasses = np.concatenate([_part(lab, (0.30, 0.46), side) for side in ((0.16, 0.42), (0.58, 0.84))])
    mask = _part(lab, (0.66, 0.92), (0.30, 0.70))
    darkness = float(np.mean(glasses[:, 0] < 0.45 * max(float(skin[0]), float(nose[0]), 1.0)))
    other = float(np.mean(np.linalg.norm(mask[:, 1:] - skin[1:], axis=1) > 14))
    return float(np.clip(max(2.5 * (darkness - 0.45), 2.0 * (other - 0.4)), 0, 1))


def _part(lab: NDArray[np.float32], rows: tuple[float, float], columns: tuple[float, float]) -> NDArray[np.float32]:
    (top, bottom), (left, right) = ([int(share * FACE_PX) for share in pair] for pair in (rows, columns))
    return lab[top:bottom, left:right].reshape(-1, 3)


@functools.lru_cache(maxsize=64)
def _detector(name: str, _thread: int) -> cv2.CascadeClassifier:
    """One detector for each thread: a cascade keeps the picture inside itself while it looks."""
    return cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / name))
