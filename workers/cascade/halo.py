"""How far a painter looks, measured: the footprint of one NaN pixel.

NaN times any weight is NaN, a zero weight included, and no layer here can lose it, so the footprint is the network's
reach, whatever its weights. A halo computed by hand would be a second description of the network, and would one day
be wrong.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from workers.cascade.canonical import canonical
from workers.cascade.config import BaseConfig, CanonicalCall, StageConfig, UpscalerConfig
from workers.cascade.noise import NoiseField
from workers.cascade.painter import Painter
from workers.cascade.texture import TextureSpread


def halo_of(config: UpscalerConfig) -> int:
    """The halo of any painter of this configuration, measured on a thin one: width and weights do not change it."""
    thin = replace(config, channels=8, full_channels=1, guide_channels=1, texture_dim=0)
    with torch.random.fork_rng(devices=[]):
        return measure_halo(Painter(thin))


def stage_config(
    network: BaseConfig | UpscalerConfig,
    *,
    call: CanonicalCall,
    taught_to_px: int,
    scale_min: float = 0.0,
    texture: TextureSpread | None = None,
) -> StageConfig:
    """A stage's configuration, its halo measured.

    Raises CascadeInvalid where the call's window is too small for it.
    """
    return StageConfig(
        network=network,
        call=call,
        taught_to_px=taught_to_px,
        halo_px=halo_of(network) if isinstance(network, UpscalerConfig) else 0,
        scale_min=scale_min,
        texture=texture,
    )


def measure_halo(painter: Painter) -> int:
    """The halo in low-resolution pixels: no output pixel depends on an input pixel further away, in either axis.

    Runs in float32 on the CPU; the painter must be there, and is not changed.
    """
    reach = 8
    while True:
        found = _footprint(painter, reach)
        if found < reach:
            return found
        reach *= 2


def _footprint(painter: Painter, reach: int) -> int:
    """Largest distance at which NaN arrives in a tile that shows distances up to ``reach``.

    ``reach`` when it fills the tile.
    """
    config = painter.config
    side = 2 * reach + 1
    told = torch.zeros(1, 2 + config.texture_dim)
    field = NoiseField(seeds=(0,), steps=(0,), top=(0,), left=(0,))
    # One thread: the tensors are tiny, and on a busy machine each operation of several waits for all of them.
    with canonical(CanonicalCall(window_px=side, micro_batch=1, dtype="fp32", threads=1), torch.device("cpu")):
        in_tile = painter(_spotted(3, side, reach), torch.zeros(1, config.guide_channels, side, side), told, field)
        in_guide = painter(torch.zeros(1, 3, side, side), _spotted(config.guide_channels, side, reach), told, field)
    return max(_distance(in_tile, config.factor, reach), _distance(in_guide, config.factor, reach))


def _spotted(channels: int, side: int, middle: int) -> Tensor:
    picture = torch.zeros(1, channels, side, side)
    picture[:, :, middle, middle] = torch.nan
    return picture


def _distance(painted: Tensor, factor: int, middle: int) -> int:
    rows, columns = painted.isnan().any(dim=1)[0].nonzero(as_tuple=True)
    return int(torch.cat([rows // factor - middle, columns // factor - middle]).abs().max())
