"""The gates a photo passes: each a pure function from an opened photo to one measurement and its reason in words.

A gate measures and never decides: what is good enough is the policy's (workers/curation/verdicts.py), so a threshold
can be moved without reading a pixel again. A new gate is one function and one line in GATES.
"""

from collections.abc import Callable
from dataclasses import dataclass

from workers.curation.face_frame import FaceFrame
from workers.curation.native_size import native_px
from workers.photos.opening import Photo


@dataclass(frozen=True)
class Measurement:
    """What one gate found: a value in the gate's own unit, and a sentence for the person who reviews."""

    value: float | int | bool | str
    reason: str


@dataclass(frozen=True)
class Look:
    """What every gate may look at: the opened photo and its face frame, found once."""

    photo: Photo
    frame: FaceFrame


Gate = Callable[[Look], Measurement]


def readable(look: Look) -> Measurement:
    """How the file was stored, as 'format mode'."""
    facts = look.photo.facts
    notes = [f"opened as {facts.format.upper()}, {facts.width_px} × {facts.height_px} px"]
    if facts.orientation != 1:
        notes.append("turned upright")
    if facts.profile != "none":
        notes.append(f"colour profile {facts.profile}")
    if facts.clear_share:
        notes.append(f"{facts.clear_share:.0%} transparent, laid over white")
    return Measurement(f"{facts.format} {facts.mode}", "; ".join(notes))


def face(look: Look) -> Measurement:
    """Whether the detector saw a face."""
    frame = look.frame
    where = f"{frame.px} px square at {frame.x}, {frame.y}"
    return Measurement(frame.face_found, where if frame.face_found else f"no face seen: upper square, {where}")


def native_size(look: Look) -> Measurement:
    """Native resolution in pixels: the largest portrait the photo can teach."""
    size = native_px(look.frame)
    return Measurement(size, f"its frame has detail for {size} px at most")


GATES: dict[str, Gate] = {
    "readable": readable,
    "face": face,
    "native_size": native_size,
}
"""In the order of the review page. To come: JPEG damage, blur, noise, halftone, drawn."""
