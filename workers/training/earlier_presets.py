"""Presets whose configurations stay as they are: checkpoints and the shipped cascade go by their digests.

Rates for small machines come from trials on two CPU cores: with the published ones (lr 2e-4 -> 5e-5, gamma 2 -> 0.2,
for R3GAN on FFHQ-64) a base of this size showed only outlines after 45,000 images.
"""

from dataclasses import replace

from workers.cascade.config import BaseConfig, CanonicalCall, UpscalerConfig
from workers.cascade.texture import TEXTURE_DIM
from workers.training.augment_control import AugmentControl
from workers.training.config import UpscalingConfig
from workers.training.preset import COLOUR_ONLY, TEXTURE_GAIN, Preset, base_schedule, upscaler_schedule
from workers.training.schedules import Ramp


def demo_presets() -> dict[str, Preset]:
    """Two CPU cores, hours in all: the cascade that ships; its base gone on with, its last stage told a texture."""
    first = _first_demo_presets()
    return {
        **first,
        "demo-base-64-more": _more(first["demo-base-64"]),
        "demo-up-1024-texture": _textured(first["demo-up-1024"]),
    }


def _textured(preset: Preset) -> Preset:
    """The same upscaler, told a texture (docs/decisions/0033), for fewer crops: to begin with the weights that ship.

    Their judge is not among them, and until a new one has learnt something the texture's loss must not lead.
    """
    if not isinstance(preset.network, UpscalerConfig) or preset.upscaling is None:
        raise TypeError("only an upscaler is told a texture")
    return replace(
        preset,
        network=replace(preset.network, texture_dim=TEXTURE_DIM),
        upscaling=replace(preset.upscaling, texture_gain=TEXTURE_GAIN, texture_weight=1.0),
        total_nimg=24_000,
        slice_nimg=2_000,
        schedule=upscaler_schedule(24_000),
    )


def _more(preset: Preset) -> Preset:
    """The dials of the end of a run, and augmentation as the judge needs it: to go on with the weights that ship."""
    length_nimg = 51_200
    return replace(
        preset,
        total_nimg=length_nimg,
        slice_nimg=6_400,
        log_nimg=1_024,
        schedule=base_schedule(
            length_nimg,
            lr=Ramp(start=3e-4, end=5e-5),
            gamma=Ramp(start=0.2, end=0.1),
            augment_p=0.35,
            half_life_nimg=10_000,
        ),
        control=AugmentControl(ramp_nimg=length_nimg // 2),
    )


def _first_demo_presets() -> dict[str, Preset]:
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


def gpu_presets() -> dict[str, Preset]:
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


def smoke_presets() -> dict[str, Preset]:
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
