"""The presets, in one table: a run is a preset, a dataset and a seed.

Rates for small machines come from trials on two CPU cores: with the published ones (lr 2e-4 -> 5e-5, gamma 2 -> 0.2,
for R3GAN on FFHQ-64) a base of this size showed only outlines after 45,000 images.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from farm.errors import InvalidInput, Problem
from workers.cascade.config import BaseConfig, CanonicalCall, UpscalerConfig
from workers.training.augment import AugmentConfig
from workers.training.config import PoolConfig, Precision, RunConfig, UpscalingConfig
from workers.training.schedules import Ramp, Schedule

STILL = Ramp(start=0.0, end=0.0)
# Crops are shifted and scaled by the way they are drawn.
COLOUR_ONLY = AugmentConfig(shift=0.0, scale=0.0)


@dataclass(frozen=True, kw_only=True)
class Preset:
    """All of a RunConfig that does not depend on the data, the seed or earlier runs."""

    network: BaseConfig | UpscalerConfig
    call: CanonicalCall
    judge_widths: tuple[int, ...]
    batch: int
    total_nimg: int
    slice_nimg: int
    schedule: Schedule
    augment: AugmentConfig = field(default_factory=AugmentConfig)
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


def presets() -> Mapping[str, Preset]:
    """Every preset by name."""
    return {**demo_presets(), **gpu_presets(), **smoke_presets()}


def demo_presets() -> Mapping[str, Preset]:
    """Two CPU cores, about an hour in all: the cascade that ships."""
    return {
        "demo-base-64": Preset(
            network=BaseConfig(size_px=64, widths=(256, 192, 128, 64, 32)),
            call=CanonicalCall(window_px=0, micro_batch=4, threads=1),
            judge_widths=(256, 192, 128, 64),
            batch=32,
            total_nimg=150_016,
            slice_nimg=15_008,
            schedule=base_schedule(
                150_000,
                lr=Ramp(start=1e-3, end=2e-4),
                gamma=Ramp(start=1.0, end=0.1),
                augment_p=0.35,
                half_life_nimg=20_000,
            ),
        ),
        "demo-up-256": Preset(
            network=UpscalerConfig(factor=4, input_px=64, channels=48, blocks=4, full_channels=16, guide_input_px=64),
            call=CanonicalCall(window_px=64, micro_batch=2, threads=1),
            judge_widths=(64, 96, 128),
            batch=16,
            total_nimg=60_000,
            slice_nimg=8_000,
            log_nimg=512,
            sample_count=4,
            pool_count=2_000,
            schedule=upscaler_schedule(60_000),
            augment=COLOUR_ONLY,
            upscaling=UpscalingConfig(scale_low=0.5),
        ),
        "demo-up-1024": Preset(
            network=UpscalerConfig(factor=4, input_px=256, channels=64, blocks=6, full_channels=16, guide_input_px=128),
            call=CanonicalCall(window_px=256, micro_batch=1, threads=1),
            judge_widths=(64, 96, 128),
            batch=16,
            total_nimg=60_000,
            slice_nimg=4_000,
            log_nimg=512,
            sample_count=4,
            pool_count=1_000,
            schedule=upscaler_schedule(60_000),
            augment=COLOUR_ONLY,
            # With half of the batch staged a woven pattern grew on plain ground.
            upscaling=UpscalingConfig(scale_low=0.6, by_area=True, stage_share=0.25),
        ),
    }


def gpu_presets() -> Mapping[str, Preset]:
    """One large GPU; not tried on one yet."""
    return {
        "gpu-base-128": Preset(
            network=BaseConfig(size_px=128, widths=(384, 384, 256, 192, 128, 64)),
            call=CanonicalCall(window_px=0, micro_batch=16),
            judge_widths=(384, 384, 256, 192, 128),
            batch=128,
            total_nimg=1_000_064,
            slice_nimg=124_928,
            log_nimg=8_192,
            schedule=base_schedule(
                1_000_000,
                lr=Ramp(start=5e-4, end=1e-4),
                gamma=Ramp(start=4.0, end=0.4),
                augment_p=0.4,
                half_life_nimg=50_000,
            ),
        ),
        "gpu-up-256": Preset(
            network=UpscalerConfig(factor=2, input_px=128, channels=96, blocks=8, full_channels=48, guide_input_px=128),
            call=CanonicalCall(window_px=128, micro_batch=8),
            judge_widths=(128, 192, 256),
            batch=32,
            total_nimg=400_000,
            slice_nimg=49_984,
            log_nimg=2_048,
            sample_count=8,
            pool_count=10_000,
            schedule=upscaler_schedule(400_000),
            augment=COLOUR_ONLY,
            upscaling=UpscalingConfig(crop_px=64, context_px=8),
        ),
        "gpu-up-1024": Preset(
            network=UpscalerConfig(
                factor=4, input_px=256, channels=128, blocks=10, full_channels=32, guide_input_px=128
            ),
            call=CanonicalCall(window_px=256, micro_batch=4),
            judge_widths=(128, 192, 256),
            batch=32,
            total_nimg=400_000,
            slice_nimg=49_984,
            log_nimg=2_048,
            sample_count=8,
            pool_count=10_000,
            schedule=upscaler_schedule(400_000),
            augment=COLOUR_ONLY,
            upscaling=UpscalingConfig(context_px=8, by_area=True),
        ),
    }


def smoke_presets() -> Mapping[str, Preset]:
    """Seconds on a CPU: tests, and a first look at the machinery."""
    return {
        "smoke-base-16": Preset(
            network=BaseConfig(size_px=16, latent_dim=8, widths=(16, 8, 8)),
            call=CanonicalCall(window_px=0, micro_batch=2),
            judge_widths=(16, 8),
            batch=4,
            total_nimg=64,
            slice_nimg=16,
            log_nimg=12,
            sample_count=4,
            schedule=base_schedule(
                64,
                lr=Ramp(start=1e-3, end=2e-4),
                gamma=Ramp(start=1.0, end=0.1),
                augment_p=0.3,
                half_life_nimg=32,
            ),
        ),
        "smoke-up-32": Preset(
            network=UpscalerConfig(
                factor=2, input_px=16, channels=8, blocks=1, full_channels=4, guide_input_px=16, guide_width=8
            ),
            call=CanonicalCall(window_px=16, micro_batch=2),
            judge_widths=(8, 8),
            batch=4,
            total_nimg=64,
            slice_nimg=16,
            log_nimg=12,
            sample_count=2,
            pool_count=8,
            schedule=upscaler_schedule(64),
            augment=COLOUR_ONLY,
            upscaling=UpscalingConfig(crop_px=8, context_px=2, stage_share=0.5),
        ),
    }


def run_config(
    preset: str,
    *,
    dataset: str,
    seed: int,
    total_nimg: int | None = None,
    slice_nimg: int | None = None,
    stages_before: tuple[str, ...] = (),
) -> RunConfig:
    """The whole configuration of a run.

    total_nimg: overrides the preset's; its schedule is stretched to the new length. stages_before: sha256 of each
    earlier stage's averages, base first; none teaches an upscaler by photos only. Raises InvalidInput on an unknown
    preset.
    """
    table = presets()
    if preset not in table:
        raise InvalidInput(f"no preset {preset!r}", problems=[Problem("preset", f"one of {', '.join(table)}")])
    chosen = table[preset]
    total = total_nimg or chosen.total_nimg
    length = round(chosen.schedule.length_nimg * total / chosen.total_nimg)
    return RunConfig(
        preset=preset,
        dataset=dataset,
        seed=seed,
        network=chosen.network,
        call=chosen.call,
        judge_widths=chosen.judge_widths,
        batch=chosen.batch,
        precision=chosen.precision,
        total_nimg=total,
        slice_nimg=slice_nimg or chosen.slice_nimg,
        log_nimg=chosen.log_nimg,
        sample_count=chosen.sample_count,
        schedule=replace(chosen.schedule, length_nimg=length),
        augment=chosen.augment,
        upscaling=_with_pool(chosen, stages_before),
    )


def _with_pool(preset: Preset, stages_before: tuple[str, ...]) -> UpscalingConfig | None:
    if preset.upscaling is None or not stages_before:
        return preset.upscaling
    return replace(preset.upscaling, pool=PoolConfig(stages=stages_before, count=preset.pool_count))
