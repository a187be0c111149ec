"""What a preset is, and the dials the rows share."""

from dataclasses import dataclass, field

from workers.cascade.config import BaseConfig, CanonicalCall, UpscalerConfig
from workers.training.augment import AugmentConfig
from workers.training.augment_control import AugmentControl
from workers.training.config import UpscalingConfig
from workers.training.named_schedules import STILL, Named
from workers.training.precision import Precision
from workers.training.schedules import Ramp, Schedule

# Crops are shifted and scaled by the way they are drawn.
COLOUR_ONLY = AugmentConfig(shift=0.0, scale=0.0)
TEXTURE_GAIN, TEXTURE_WEIGHT = 2.0, 2.0
"""Of upscalers that are told a texture: without them the judge alone moved it a third of the way (docs/log.md)."""


@dataclass(frozen=True, kw_only=True)
class Preset:
    """All of a RunConfig that does not depend on the data, the seed or earlier runs.

    named: which of a base's two sets of dials `schedule` is; a run of another length gets that set at its own length.
    """

    network: BaseConfig | UpscalerConfig
    call: CanonicalCall
    judge_widths: tuple[int, ...]
    batch: int
    total_nimg: int
    slice_nimg: int
    schedule: Schedule
    named: Named | None = None
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    control: AugmentControl | None = None
    upscaling: UpscalingConfig | None = None
    pool_count: int = 0
    precision: Precision = "bf16"
    log_nimg: int = 2_048
    sample_count: int = 64


def base_schedule(length_nimg: int, *, lr: Ramp, gamma: Ramp, augment_p: float, half_life_nimg: int) -> Schedule:
    """A base's dials: cosines over `length_nimg`, Adam (0, 0.9) all along."""
    return Schedule(
        length_nimg=length_nimg,
        lr=lr,
        gamma=gamma,
        beta2=Ramp(start=0.9, end=0.9),
        augment_p=Ramp(start=0.0, end=augment_p),
        consistency=STILL,
        half_life_nimg=half_life_nimg,
        half_life_share=0.1,
    )


def upscaler_schedule(length_nimg: int) -> Schedule:
    """An upscaler's dials; consistency first, so that the picture itself comes before its detail.

    With gamma falling to 0.02 and consistency to 1 the detail turned into rough dashes along edges after 7,000 crops.
    """
    return Schedule(
        length_nimg=length_nimg,
        lr=Ramp(start=7e-4, end=1e-4),
        gamma=Ramp(start=0.2, end=0.1),
        beta2=Ramp(start=0.9, end=0.9),
        augment_p=Ramp(start=0.0, end=0.3),
        consistency=Ramp(start=10.0, end=5.0),
        half_life_nimg=5_000,
        half_life_share=0.1,
    )
