"""Effects in words: how large a blur, say, would change a figure as much as the smallest effect that could be seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.evaluation.described import Described
from workers.evaluation.verdict_figures import PRIMARY, Grounds, Kind, measured

BLURS_PX = (0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.8, 1.0, 1.5)
"""Deviations of the Gaussians by which a calibration damages portraits."""


@dataclass(frozen=True)
class Curve:
    """How far a figure moves, in its unit, under rising strengths of one damage, whose name holds a `{}` for them."""

    damage: str
    strengths: tuple[float, ...]
    effects: tuple[float, ...]

    def words(self, effect: float) -> str:
        """The weakest damage that moves the figure by `effect`, such as "about as much as a blur of σ 0.4 px"."""
        moved = np.maximum.accumulate(np.abs(self.effects))
        if effect > moved[-1]:
            return f"more than {self.damage.format(f'{self.strengths[-1]:g}')} makes"
        if effect <= moved[0]:
            return f"less than {self.damage.format(f'{self.strengths[0]:g}')} makes"
        strength = float(np.interp(effect, moved, self.strengths))
        return f"about as much as {self.damage.format(f'{strength:.2g}')} makes"


Calibration = Mapping[str, Curve]
"""A curve a figure."""


def calibrated(clean: Described, blurred: Sequence[Described], photos: Described, *, kind: Kind) -> Calibration:
    """How far each primary figure moves when portraits are blurred by BLURS_PX; `blurred`: one set for each."""
    grounds = Grounds(photos)
    return {
        name: Curve(
            "a blur of σ {} px",
            BLURS_PX,
            tuple(measured(name, clean, each, grounds, paired=True).theta for each in blurred),
        )
        for name in PRIMARY[kind]
    }


def blurred_by(pictures: NDArray[np.uint8], sigma_px: float) -> NDArray[np.uint8]:
    """uint8 [N, H, W, 3] under a Gaussian of this deviation."""
    return np.stack([np.asarray(cv2.GaussianBlur(each, (0, 0), sigma_px), dtype=np.uint8) for each in pictures])
