"""The upper bound of native resolution: the face frame's side, right for pictures that were never enlarged."""

from workers.curation.face_frame import FaceFrame


def native_px(frame: FaceFrame) -> int:
    """Side in pixels of the largest square portrait that this photo can teach."""
    return frame.px
