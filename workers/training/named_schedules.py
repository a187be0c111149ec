"""The two sets of dials a base may be trained by: the published ones, and faster ones for short runs.

`published` is R3GAN's (Huang et al. 2025, arXiv 2501.05441, train.py of its authors), with its cosines over 20 million
images squeezed into the run's own length. `fast` is what a small base on two CPU cores learned faces with in 150,000
images, where the published rates had come to outlines.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from workers.cascade.config import BaseConfig
from workers.training.schedules import Ramp, Schedule

Named = Literal["published", "fast"]

STILL = Ramp(start=0.0, end=0.0)
PUBLISHED_NIMG = 20_000_000
PUBLISHED_HALF_LIFE_NIMG = 500_000
PUBLISHED_GAMMA: Mapping[int, float] = MappingProxyType({32: 0.05, 64: 2.0, 128: 20.0, 256: 150.0})
"""First gamma by side: CIFAR-10, FFHQ-64 and FFHQ-256 are published, 128 px lies between the last two."""
WIDE = 256
"""With more channels than that at 4 px the fast schedule takes half the step."""


def named_schedule(named: Named, network: BaseConfig, length_nimg: int) -> Schedule:
    """That set of dials for this base over `length_nimg` images."""
    return (published if named == "published" else fast)(network, length_nimg)


def published(network: BaseConfig, length_nimg: int) -> Schedule:
    """lr 2e-4 -> 5e-5, beta2 0.9 -> 0.99, gamma to a tenth, p 0 -> 0.3, average's half-life 1/40 of the length."""
    gamma = PUBLISHED_GAMMA[min(PUBLISHED_GAMMA, key=lambda side: abs(side - network.size_px))]
    return Schedule(
        length_nimg=length_nimg,
        lr=Ramp(start=2e-4, end=5e-5),
        gamma=Ramp(start=gamma, end=gamma / 10),
        beta2=Ramp(start=0.9, end=0.99),
        augment_p=Ramp(start=0.0, end=0.3),
        consistency=STILL,
        half_life_nimg=max(1, round(length_nimg * PUBLISHED_HALF_LIFE_NIMG / PUBLISHED_NIMG)),
        half_life_share=0.05,
    )


def fast(network: BaseConfig, length_nimg: int) -> Schedule:
    """lr 1e-3 -> 2e-4 (half of it for wide networks), gamma 1 -> 0.1 at 64 px and as the side's square, p 0 -> 0.35."""
    share = 0.5 if network.widths[0] > WIDE else 1.0
    gamma = (network.size_px / 64) ** 2
    return Schedule(
        length_nimg=length_nimg,
        lr=Ramp(start=1e-3 * share, end=2e-4 * share),
        gamma=Ramp(start=gamma, end=gamma / 10),
        beta2=Ramp(start=0.9, end=0.9),
        augment_p=Ramp(start=0.0, end=0.35),
        consistency=STILL,
        half_life_nimg=20_000,
        half_life_share=0.1,
    )
