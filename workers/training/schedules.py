"""Values that change while images are shown. Progress is counted in images (nimg), never in steps or seconds."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Ramp:
    """A cosine from `start` to `end` over the schedule's length, constant afterwards."""

    start: float
    end: float

    def at(self, nimg: int, length_nimg: int) -> float:
        """The value after `nimg` images: start + (end - start) * (1 - cos(pi t)) / 2, t = nimg / length, at most 1."""
        t = min(nimg / max(length_nimg, 1), 1.0)
        return self.start + (self.end - self.start) * 0.5 * (1.0 - math.cos(math.pi * t))

    def times(self, factor: float) -> "Ramp":
        """The same curve, so many times as high."""
        return Ramp(start=self.start * factor, end=self.end * factor)


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How one run's dials move over its first `length_nimg` images.

    lr: Adam's step. gamma: weight of R1 and R2. beta2: Adam's second decay (beta1 is 0). augment_p: chance of each
    augmentation. consistency: weight of the averaged-down L1 (upscalers). half_life_nimg: the average's half-life, at
    most `half_life_share` of the images seen so far (Karras et al. 2021, the EMA ramp-up).
    """

    length_nimg: int
    lr: Ramp
    gamma: Ramp
    beta2: Ramp
    augment_p: Ramp
    consistency: Ramp
    half_life_nimg: int
    half_life_share: float

    def now(self, nimg: int) -> "Dials":
        """Every dial after `nimg` images."""
        return Dials(
            lr=self.lr.at(nimg, self.length_nimg),
            gamma=self.gamma.at(nimg, self.length_nimg),
            beta2=self.beta2.at(nimg, self.length_nimg),
            augment_p=self.augment_p.at(nimg, self.length_nimg),
            consistency=self.consistency.at(nimg, self.length_nimg),
        )

    def average_decay(self, nimg: int, batch: int) -> float:
        """What the average keeps of itself in a step of `batch` images that ends at `nimg`: 0.5^(batch / half-life)."""
        half_life = min(float(self.half_life_nimg), self.half_life_share * nimg)
        return math.pow(0.5, batch / max(half_life, 1e-8))


@dataclass(frozen=True, kw_only=True)
class Dials:
    """The schedule's values for one step."""

    lr: float
    gamma: float
    beta2: float
    augment_p: float
    consistency: float
