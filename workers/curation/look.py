"""What every gate may look at: one opened photo and the few views of it that several gates share, each made once."""

import functools
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.curation.edges import Edges, strong_edges
from workers.curation.face_frame import FaceFrame, crop
from workers.curation.shrinking import area_reduced
from workers.photos.opening import Photo

SMALL_PX = 512
"""Long side of the small view: enough for what the eye sees at a glance (paper, paint, light)."""
FRAME_LUMA_PX = 1024
"""Side of the largest piece of the frame that is measured pixel by pixel: bounds the time, whatever the photo."""


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What one gate found.

    value: in the gate's own unit. reason: a sentence for the person who reviews. details: further numbers by name,
    which a policy, a ranking or a report may use.
    """

    value: float | int | bool | str
    reason: str
    details: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Look:
    """An opened photo and its face frame. Views are uint8 RGB [H, W, 3] or float32 luma [H, W] in 0 … 255."""

    photo: Photo
    frame: FaceFrame

    @functools.cached_property
    def small(self) -> NDArray[np.uint8]:
        """The whole picture, area-reduced to at most SMALL_PX on its long side."""
        return reduced(self.photo.pixels, SMALL_PX)

    @functools.cached_property
    def small_luma(self) -> NDArray[np.float32]:
        """Luma of the small view."""
        return luma(self.small)

    @functools.cached_property
    def frame_luma(self) -> NDArray[np.float32]:
        """Luma of the face frame at the photo's own pixels: its centre, at most FRAME_LUMA_PX a side."""
        frame = crop(self.photo.pixels, self.frame)
        cut = max(0, (frame.shape[0] - FRAME_LUMA_PX) // 2)
        return luma(np.ascontiguousarray(frame[cut : frame.shape[0] - cut, cut : frame.shape[1] - cut]))

    @functools.cached_property
    def edges(self) -> Edges:
        """The strong edges of frame_luma."""
        return strong_edges(self.frame_luma)


def reduced(pixels: NDArray[np.uint8], side_px: int) -> NDArray[np.uint8]:
    """The picture area-reduced to at most `side_px` on its long side; itself where it is no larger."""
    scale = side_px / max(pixels.shape[:2])
    if scale >= 1:
        return pixels
    return area_reduced(pixels, max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))


def luma(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Rec. 601 luma, float32 in 0 … 255, of uint8 RGB [H, W, 3]."""
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), dtype=np.float32)
