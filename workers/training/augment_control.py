"""How much augmentation a run needs, read from its judge: does it know its photos from those of people never shown?

Karras et al. 2020 (ADA, arXiv 2006.06676), eq. 1: r_v = (E[D_train] - E[D_control]) / (E[D_train] - E[D_painted]), the
expectations over the last images. 0: photos of control people score as the ones learnt from. 1: as painted pictures,
so the judge has learnt photos by heart. The ratio needs no scale, and a relativistic judge has none.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

CONTROL_EVERY = 4
"""One control photo is scored for so many images shown: a forward pass alone, about a fiftieth of a step."""
ALARM_GAP = 0.9


@dataclass(frozen=True, kw_only=True)
class AugmentControl:
    """How the gap moves p.

    start: p at image 0. cap: its largest value; above it augmentations leak into portraits. target: the gap aimed at.
    window_nimg: images a gap is averaged over. ramp_nimg: images in which p could go from 0 to 1.
    """

    start: float = 0.2
    cap: float = 0.6
    target: float = 0.5
    window_nimg: int = 4_000
    ramp_nimg: int = 100_000


@dataclass
class ControlSums:
    """p now, and the open window: sums over its steps of the mean scores, images in it, the last window's gap."""

    p: float
    train: float = 0.0
    control: float = 0.0
    painted: float = 0.0
    nimg: int = 0
    gap: float = 0.0

    def add(self, how: AugmentControl, *, scores: Mapping[str, float], batch: int) -> bool:
        """Note one step; at the window's end move p and begin a new one. True where p was moved.

        scores: judge_real, judge_control, judge_fake, each the step's mean.
        """
        self.train += batch * scores["judge_real"]
        self.control += batch * scores["judge_control"]
        self.painted += batch * scores["judge_fake"]
        self.nimg += batch
        if self.nimg < how.window_nimg:
            return False
        self.gap = self._gap()
        step = self.nimg / how.ramp_nimg * (1.0 if self.gap > how.target else -1.0)
        self.p = min(max(self.p + step, 0.0), how.cap)
        self.train = self.control = self.painted = 0.0
        self.nimg = 0
        return True

    def _gap(self) -> float:
        """r_v, within -1 … 1; 0 as long as the judge does not rank photos above painted pictures."""
        lead = self.train - self.painted
        return max(-1.0, min(1.0, (self.train - self.control) / lead)) if lead > 0.0 else 0.0

    def to_json(self) -> dict[str, Any]:
        """Plain values; a float read back from JSON is the same float."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "ControlSums":
        """The value written by `to_json`."""
        return cls(**value)
