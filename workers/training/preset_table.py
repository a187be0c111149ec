"""The table of presets: bases of three sizes, upscalers of every factor. A row says what differs; `_base` and
`_upscaler` say what follows from it.

`tiny` learns on two CPU cores, `small` on a small GPU, `full` is R3GAN as published for FFHQ-256 (Huang et al. 2025).
Upscalers from 32 px are the tiny ones; those from 64 px are as large as the demo's, the others want a GPU.
"""

from typing import NamedTuple

from workers.cascade.config import BaseConfig, CanonicalCall, UpscalerConfig
from workers.cascade.texture import TEXTURE_DIM
from workers.training.augment_control import AugmentControl
from workers.training.config import UpscalingConfig
from workers.training.named_schedules import Named, named_schedule
from workers.training.preset import COLOUR_ONLY, TEXTURE_GAIN, TEXTURE_WEIGHT, Preset, upscaler_schedule

Widths = tuple[int, ...]

TINY = (192, 128, 96, 64, 32, 16, 8)
SMALL = (384, 384, 256, 192, 128, 64, 32)
FULL = (768, 768, 768, 768, 384, 192, 96)
"""From 4 px up. R3GAN's groups have 16 channels; no group here has fewer than 32."""


class _Base(NamedTuple):
    """widths: from 4 px up to the size. groups: channels in a group of the 3x3 convolutions, 0: dense."""

    name: str
    widths: Widths
    blocks: int
    expansion: int
    groups: int
    batch: int
    images: int
    schedule: Named


class _Upscaler(NamedTuple):
    """px: what it starts from. full: channels at the picture's full size. guide: side of what the guide sees.

    judge: the judge's widths from the crop's cells down. staged: share of a batch made of the stage before. texture:
    whether it is told a texture, as its name then says.
    """

    name: str
    factor: int
    px: int
    channels: int
    blocks: int
    full: int
    guide: int
    judge: Widths
    staged: float
    batch: int
    images: int
    texture: bool = False


# fmt: off
BASES = (
    #     name              widths     blocks  expansion  groups  batch      images  schedule
    _Base("base-64-tiny",   TINY[:5],       1,         1,      0,    32,    150_016, "fast"),
    _Base("base-64-small",  SMALL[:5],      1,         1,      0,    64,  1_000_064, "fast"),
    _Base("base-64-full",   FULL[:5],       2,         2,     32,   256, 20_000_000, "published"),
    _Base("base-128-tiny",  TINY[:6],       1,         1,      0,    32,    150_016, "fast"),
    _Base("base-128-small", SMALL[:6],      1,         1,      0,    64,  1_000_064, "fast"),
    _Base("base-128-full",  FULL[:6],       2,         2,     32,   256, 20_000_000, "published"),
    _Base("base-256-tiny",  TINY,           1,         1,      0,    32,    150_016, "fast"),
    _Base("base-256-small", SMALL,          1,         1,      0,    64,  1_000_064, "fast"),
    _Base("base-256-full",  FULL,           2,         2,     32,   256, 20_000_000, "published"),
)
UPSCALERS = (
    #         name          factor   px  channels  blocks  full  guide  judge            staged  batch   images
    _Upscaler("up-x2-64",        2,  32,       16,      2,    8,    32, (32, 48, 64),      0.5,    16,   5_008),
    _Upscaler("up-x3-96",        3,  32,       16,      2,    8,    32, (32, 48, 64),      0.5,    16,   5_008),
    _Upscaler("up-x4-128",       4,  32,       16,      2,    8,    32, (32, 48, 64),      0.5,    16,   5_008),
    _Upscaler("up-x6-192",       6,  32,       16,      2,    8,    32, (32, 48, 64),      0.5,    16,   5_008),
    _Upscaler("up-x8-256",       8,  32,       16,      2,    8,    32, (32, 48, 64),      0.5,    16,   5_008),
    _Upscaler("up-x3-192",       3,  64,       48,      4,   24,    64, (64, 96, 128),     0.5,    16,  60_000),
    _Upscaler("up-x4-256",       4,  64,       48,      4,   16,    64, (64, 96, 128),     0.5,    16,  60_000),
    _Upscaler("up-x2-256",       2, 128,       96,      8,   48,   128, (128, 192, 256),   0.5,    32, 400_000),
    _Upscaler("up-x6-768",       6, 128,       96,      8,   32,   128, (128, 192, 256),  0.25,    32, 400_000),
    _Upscaler("up-x8-1024",      8, 128,      128,     10,   32,   128, (128, 192, 256),  0.25,    32, 400_000),
    _Upscaler("up-x4-1024",      4, 256,      128,     10,   32,   128, (128, 192, 256),  0.25,    32, 400_000),
    _Upscaler("up-x4-256-texture",
                                 4,  64,       48,      4,   16,    64, (64, 96, 128),     0.5,    16,  60_000, True),
    _Upscaler("up-x4-1024-texture",
                                 4, 256,      128,     10,   32,   128, (128, 192, 256),  0.25,    32, 400_000, True),
)
# fmt: on

SLICES, SLICE_NIMG = 8, 125_000
"""A run has about so many slices, none longer than that."""


def table_presets() -> dict[str, Preset]:
    """Every row as a preset, by name."""
    return {row.name: _base(row) for row in BASES} | {row.name: _upscaler(row) for row in UPSCALERS}


def _base(row: _Base) -> Preset:
    network = BaseConfig(
        size_px=4 << (len(row.widths) - 1),
        widths=row.widths,
        blocks=row.blocks,
        expansion=row.expansion,
        group_channels=row.groups,
    )
    return Preset(
        network=network,
        call=CanonicalCall(window_px=0, micro_batch=4 if row.batch <= 32 else 16, threads=1),
        judge_widths=row.widths[:-1],
        batch=row.batch,
        total_nimg=row.images,
        slice_nimg=_slice_nimg(row.images, row.batch),
        log_nimg=2_048 if row.batch <= 32 else 8_192,
        schedule=named_schedule(row.schedule, network, row.images),
        named=row.schedule,
        # As fast as a run of this length can use; ADA's own half a million images for long ones.
        control=AugmentControl(ramp_nimg=min(500_000, row.images // 2)),
    )


def _upscaler(row: _Upscaler) -> Preset:
    tiny, large = row.px <= 32, row.px >= 256
    return Preset(
        network=UpscalerConfig(
            factor=row.factor,
            input_px=row.px,
            channels=row.channels,
            blocks=row.blocks,
            full_channels=row.full,
            guide_input_px=row.guide,
            texture_dim=TEXTURE_DIM if row.texture else 0,
        ),
        call=CanonicalCall(window_px=row.px, micro_batch=max(1, 128 // row.px), threads=1),
        judge_widths=row.judge,
        batch=row.batch,
        total_nimg=row.images,
        slice_nimg=_slice_nimg(row.images, row.batch),
        log_nimg=512 if row.batch <= 16 else 2_048,
        sample_count=4,
        pool_count=min(10_000, max(200, row.images // 30)),
        schedule=upscaler_schedule(row.images),
        augment=COLOUR_ONLY,
        upscaling=UpscalingConfig(
            crop_px=16 if tiny else 32,
            scale_low=0.3 if large else 0.5,
            by_area=large,
            stage_share=row.staged,
            texture_gain=TEXTURE_GAIN if row.texture else 1.0,
            texture_weight=TEXTURE_WEIGHT if row.texture else 0.0,
        ),
    )


def _slice_nimg(images: int, batch: int) -> int:
    return min(images // SLICES, SLICE_NIMG) // batch * batch
