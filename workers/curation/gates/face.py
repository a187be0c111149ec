"""Whether there is a face, and which."""

from workers.curation.look import Look, Measurement


def face(look: Look) -> Measurement:
    """Whether the detector saw a face."""
    frame = look.frame
    where = f"{frame.px} px square at {frame.x}, {frame.y}"
    told = where if frame.face_found else f"no face seen: upper square, {where}"
    return Measurement(value=frame.face_found, reason=told)
