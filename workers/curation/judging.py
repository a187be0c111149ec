"""From a photograph's bytes to its row and its preview: opened safely, framed, measured, judged."""

import hashlib
import io
import json
from dataclasses import asdict, dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from farm.errors import PhotoRefused
from workers.curation.face_frame import face_frame
from workers.curation.fingerprint import fingerprint
from workers.curation.gates import GATES
from workers.curation.look import Look
from workers.curation.policy import Policy
from workers.curation.verdicts import Row, decide, dropped
from workers.photos import containers
from workers.photos.opening import EXTENSIONS, Photo, open_photo

PREVIEW_PX = 640
"""Long side of a preview: what a phone shows, in some 50 kB."""
_PREVIEW_QUALITY = 80


@dataclass(frozen=True, kw_only=True)
class Looked:
    """A photo's manifest row without person, split and group; and its preview, a JPEG, where it could be opened."""

    row: Row
    preview: bytes | None


def look_at(file: str, body: bytes, *, policy: Policy) -> Looked:
    """Open and measure one photo. `file` is its path in the folder it came from.

    Never raises over a photo: a bad one is a row with verdict 'drop' and its reason.
    """
    row = _blank(file, body)
    try:
        photo = open_photo(body, max_bytes=policy.max_bytes, max_px=policy.max_px)
        row |= _measured(photo)
    except PhotoRefused as refusal:
        return Looked(row=row | dropped("readable", refusal.message), preview=None)
    return Looked(row=row | decide(row, policy=policy), preview=preview_of(photo.pixels))


def judge_photo(file: str, body: bytes, *, policy: Policy) -> Row:
    """The row of `look_at` alone."""
    return look_at(file, body, policy=policy).row


def preview_of(pixels: NDArray[np.uint8]) -> bytes:
    """An sRGB picture uint8 [H, W, 3] as a JPEG of at most PREVIEW_PX on its long side."""
    height, width = pixels.shape[:2]
    scale = PREVIEW_PX / max(height, width)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    sink = io.BytesIO()
    Image.fromarray(pixels).save(sink, "JPEG", quality=_PREVIEW_QUALITY)
    return sink.getvalue()


def _blank(file: str, body: bytes) -> Row:
    kind = containers.sniff(body)
    return {
        "file": file,
        "sha256": hashlib.sha256(body).hexdigest(),
        "ext": EXTENSIONS[kind] if kind else "bin",
        "width_px": None,
        "height_px": None,
        **dropped("readable", ""),
        "frame_x": None,
        "frame_y": None,
        "frame_px": None,
        "face_found": None,
        "native_px": None,
        "person": None,
        "split": None,
        "group": None,
        "measurements": "{}",
        "near_hash": None,
        "fingerprint": None,
    }


def _measured(photo: Photo) -> Row:
    frame = face_frame(photo.pixels)
    look = Look(photo, frame)
    found = {name: asdict(gate(look)) for name, gate in GATES.items()}
    return {
        "width_px": photo.facts.width_px,
        "height_px": photo.facts.height_px,
        "frame_x": frame.x,
        "frame_y": frame.y,
        "frame_px": frame.px,
        "face_found": frame.face_found,
        "native_px": int(found["native_size"]["value"]),
        "measurements": json.dumps(found, sort_keys=True, ensure_ascii=False),
        "fingerprint": fingerprint(look.small).to_text(),
    }
