"""Rows of a dataset as measuring leaves them, without a picture."""

import hashlib
import json
from typing import Any

from workers.curation.verdicts import Row, dropped

PLAIN: dict[str, Any] = {
    "face": 1,
    "native_size": 1200,
    "jpeg": 95.0,
    "blur": 0.5,
    "noise": 1.5,
    "sharpening": 0.1,
    "halftone": 0.01,
    "borders": 0.0,
    "exposure": 0.01,
    "greyscale": 40.0,
    "drawn": 0.02,
}
"""What the gates say of a good photo."""


def row(
    file: str = "a.jpg", *, frame_px: int = 1200, details: dict[str, dict[str, float]] | None = None, **gates: Any
) -> Row:
    """The row of a photo whose gates found PLAIN, but for `gates`; None: the gate left nothing."""
    found = {name: value for name, value in {**PLAIN, **gates}.items() if value is not None}
    measured = {
        name: {"value": value, "reason": "measured", "details": (details or {}).get(name, {})}
        for name, value in found.items()
    }
    return {
        "file": file,
        "sha256": hashlib.sha256(file.encode()).hexdigest(),
        "ext": "jpg",
        "width_px": 2000,
        "height_px": 3000,
        **dropped("readable", ""),
        "frame_x": 10,
        "frame_y": 20,
        "frame_px": frame_px,
        "face_found": True,
        "native_px": int(found.get("native_size", frame_px)),
        "person": "someone",
        "split": "train",
        "group": None,
        "measurements": json.dumps(measured, sort_keys=True),
        "near_hash": None,
        "fingerprint": None,
    }
