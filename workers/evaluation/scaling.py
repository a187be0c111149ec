"""The feature bank on one scale: how far from the photos' mean, in the photos' standard deviations, softly bounded."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.float32]

BOUND = 4.0
"""A scaled feature stays within ± this: one broken portrait must not decide a cubic kernel."""
_FLOOR = 1e-3  # a feature that does not vary on the photos at all


@dataclass(frozen=True)
class Scale:
    """Mean and standard deviation of each feature over the photos, float32 [D]."""

    mean: Features
    std: Features

    @classmethod
    def of(cls, photos: Features) -> "Scale":
        """From the photos' bank [N, D]."""
        mean = photos.mean(axis=0, dtype=np.float64)
        std = photos.std(axis=0, dtype=np.float64)
        return cls(mean.astype(np.float32), np.maximum(std, _FLOOR).astype(np.float32))

    def apply(self, bank: Features) -> Features:
        """B · tanh((x - mean) / (B · std)), float32 [N, D]."""
        scaled = (bank - self.mean) / (np.float32(BOUND) * self.std)
        return np.asarray(np.float32(BOUND) * np.tanh(scaled), dtype=np.float32)
