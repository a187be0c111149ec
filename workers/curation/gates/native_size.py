"""Native resolution: the largest size at which a photo's face frame still has true detail."""

from workers.curation.look import Look, Measurement
from workers.curation.native_size import native_px


def native_size(look: Look) -> Measurement:
    """Native resolution in pixels: the largest portrait the photo can teach."""
    size = native_px(look.frame)
    return Measurement(value=size, reason=f"its frame has detail for {size} px at most")
