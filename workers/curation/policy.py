"""What is good enough to be taught: thresholds on measurements, applied without looking at a pixel.

The farm's own table of the same fields is farm/specs/policy.py; a test keeps the defaults agreeing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

LADDER_PX = (64, 128, 256, 512, 1024, 2048, 4096)
"""The sizes a verdict speaks of. A stage of another size asks for the next larger one's."""


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """The worst damage that a picture may still show at the size it is taught at, in that picture's own pixels.

    min_jpeg: equivalent quality, 1 … 100. max_blur_px: σ of an equivalent Gaussian. max_noise: σ in 8-bit levels.
    max_sharpening: overshoot, 0 … 1.
    """

    min_jpeg: float = 50.0
    max_blur_px: float = 1.5
    max_noise: float = 12.0
    max_sharpening: float = 0.12


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Thresholds of a dataset. A measurement that is missing never drops a photo.

    min_native_px: a smaller native size teaches no stage. native_share: a photo may teach size S from a native size of
    that share of S on. max_drawn … max_occluded: probabilities and shares, 0 … 1; above them a photo is dropped at
    every size. grey_below: a colourfulness below it is grey. stages: tolerances of single sizes of the ladder.
    max_bytes, max_px: larger files are not opened; 100 million pixels need 1.5 to 2 GB while they are opened.
    """

    min_native_px: int = 64
    native_share: float = 0.3
    face: Literal["any", "required"] = "any"
    max_faces: int = 1
    max_occluded: float = 1.0
    min_frontal: float = 0.0
    greyscale: Literal["allowed", "drop"] = "allowed"
    grey_below: float = 3.0
    max_drawn: float = 0.5
    max_halftone: float = 0.5
    max_borders: float = 0.25
    max_text: float = 0.5
    max_watermark: float = 0.5
    max_clipped: float = 0.25
    near_duplicates: Literal["keep_best", "keep"] = "keep_best"
    tolerance: Tolerance = field(default_factory=Tolerance)
    stages: Mapping[int, Tolerance] = field(default_factory=dict)
    max_bytes: int = 64 << 20
    max_px: int = 100_000_000

    def tolerance_at(self, size_px: int) -> Tolerance:
        """What a stage of that size of the ladder tolerates."""
        return self.stages.get(size_px, self.tolerance)
