"""Cascades small enough to render in milliseconds, with random numbers in every tensor, zero-initialised ones included.

A wrong halo or a wrong seed passes any test on a network whose last layers are still zero.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
import torch
from torch import nn

from farm.recipe import Recipe, Step
from workers.cascade.cascade import Cascade
from workers.cascade.config import BaseConfig, CanonicalCall, CascadeConfig, Dtype, JudgeConfig, UpscalerConfig
from workers.cascade.container import build, build_judge, cascade_objects, load_cascade
from workers.cascade.halo import stage_config
from workers.cascade.pixels import Picture
from workers.cascade.texture import TEXTURE_DIM, TextureSpread
from workers.cascade.upscaler import Upscaler

Network = TypeVar("Network", bound=nn.Module)

BASE = BaseConfig(size_px=16, latent_dim=8, widths=(16, 12, 8))
DOUBLE = UpscalerConfig(
    factor=2,
    input_px=16,
    channels=8,
    blocks=1,
    full_channels=4,
    guide_input_px=16,
    guide_width=8,
    guide_channels=4,
    guide_blocks=1,
)
SPREAD = TextureSpread(
    mean=(1.0, 1.5, 2.0, 1.2),
    cholesky=((0.5, 0.0, 0.0, 0.0), (0.4, 0.2, 0.0, 0.0), (0.3, 0.1, 0.3, 0.0), (-0.1, 0.05, 0.0, 0.2)),
)
QUADRUPLE = replace(DOUBLE, factor=4, input_px=32, guide_input_px=32, blocks=2)


def randomised(network: Network, *, seed: int = 1) -> Network:
    """The network with seeded normal numbers in every parameter, scaled by fan-in, as bfloat16 can hold them."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            spread = 1.0 / math.sqrt(parameter[0].numel()) if parameter.dim() > 1 else 0.1
            parameter.copy_((spread * torch.randn(parameter.shape, generator=generator)).bfloat16().float())
    return network


def random_upscaler(config: UpscalerConfig, *, seed: int = 1) -> Upscaler:
    network = build(config)
    assert isinstance(network, Upscaler)
    return randomised(network, seed=seed)


def random_objects(
    *, seed: int = 1, dtype: Dtype = "bf16", window_px: int = 64, judged: bool = False, textured: bool = False
) -> dict[str, bytes]:
    """The stored objects of a cascade 16 -> 32 -> 128 px, `judged`: with a judge, `textured`: told a texture."""
    upscalers = (replace(each, texture_dim=TEXTURE_DIM if textured else 0) for each in (DOUBLE, QUADRUPLE))
    networks = (BASE, *upscalers)
    calls = [CanonicalCall(window_px, batch, dtype, threads=1) for batch in (4, 2, 3)]
    stages = tuple(
        stage_config(
            network,
            call=call,
            taught_to_px=network.size_px,
            scale_min=-1.0,
            texture=SPREAD if textured and network is not BASE else None,
        )
        for network, call in zip(networks, calls, strict=True)
    )
    states = [randomised(build(network), seed=seed + i).state_dict() for i, network in enumerate(networks)]
    if not judged:
        return cascade_objects(CascadeConfig(stages=stages), states)
    config = CascadeConfig(stages=stages, judge=JudgeConfig((12, 8), CanonicalCall(0, 4, dtype, threads=1)))
    return cascade_objects(config, [*states, randomised(build_judge(config), seed=seed + 9).state_dict()])


def random_cascade(
    *, seed: int = 1, dtype: Dtype = "bf16", window_px: int = 64, judged: bool = False, textured: bool = False
) -> Cascade:
    objects = random_objects(seed=seed, dtype=dtype, window_px=window_px, judged=judged, textured=textured)
    return load_cascade(objects.__getitem__)


def recipes_of(cascade: Cascade, seeds: Sequence[int], *, steps: int = 2) -> list[Recipe]:
    """One recipe a seed, up the first `steps` upscalers."""
    chain = tuple(Step(stage=index) for index in range(1, steps + 1))
    size_px = cascade.sizes_px[steps]
    return [Recipe(cascade=cascade.digest, latent_seed=s, noise_seed=s, steps=chain, size_px=size_px) for s in seeds]


def random_picture(height: int, width: int, *, seed: int = 0) -> Picture:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
