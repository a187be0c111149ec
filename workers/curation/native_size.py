"""Native resolution: the largest size at which a photo's face frame still has true detail.

For now this is the frame's side in pixels: an upper bound, right for pictures that were never enlarged. Estimates from
the spectrum (a knee against the corpus, zero crossings of classical enlargements) have their place here.
"""

from workers.curation.face_frame import FaceFrame


def native_px(frame: FaceFrame) -> int:
    """Side in pixels of the largest square portrait that this photo can teach."""
    return frame.px
