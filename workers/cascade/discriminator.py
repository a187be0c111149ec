"""The base's judge: the generator's mirror image (R3GAN, Huang et al. 2025, arXiv 2501.05441).

No normalisation, no minibatch statistic: a score is a function of one picture, so batches, ranks and slices cannot mix.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import torch
from torch import Tensor, nn

from workers.cascade.arithmetic import at_least_fp32
from workers.cascade.base import residual_level
from workers.cascade.config import BaseConfig
from workers.cascade.layers import downsample, draw_normal, scaled_conv, scaled_linear


class BasisHead(nn.Module):
    """``[N, C, 4, 4] -> score [N]``, float32: one learned 4x4 pattern a channel, then a linear map."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.basis = nn.Parameter(torch.empty(width, 4, 4))
        draw_normal(self.basis, 1.0 / 4.0)
        self.weigh = scaled_linear(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Score features, outside autocast: differences of scores are what the loss sees."""
        with torch.autocast(x.device.type, enabled=False):
            matched = (at_least_fp32(x) * self.basis).sum(dim=(2, 3))
            score: Tensor = self.weigh(matched)
        return score[:, 0]


class Discriminator(nn.Module):
    """``picture [N, in_channels, size_px, size_px] -> score [N]``, float32; larger is more real.

    ``in_channels`` is usually 3.
    """

    def __init__(self, config: BaseConfig, *, in_channels: int = 3) -> None:
        super().__init__()
        self.config = config
        widths = config.widths[::-1]
        self.from_rgb = scaled_conv(in_channels, widths[0], 1, gain=1.0)
        self.levels = nn.ModuleList(residual_level(config, width) for width in widths)
        self.widen = nn.ModuleList(
            scaled_conv(before, after, 1, gain=1.0) for before, after in itertools.pairwise(widths)
        )
        self.head = BasisHead(widths[-1])

    def forward(self, picture: Tensor) -> Tensor:
        """Score pictures: [N, in_channels, size_px, size_px] in about [-1, 1] -> [N]."""
        x = self.levels[0](self.from_rgb(picture.contiguous(memory_format=torch.channels_last)))
        for widen, level in zip(self.widen, self.levels[1:], strict=True):
            x = level(widen(downsample(x)))
        score: Tensor = self.head(x)
        return score


def base_judge(network: BaseConfig, widths: tuple[int, ...]) -> nn.Module:
    """`[N, 3, R, R] -> [N]`: a discriminator at half the size, on 2x2 pixels as 12 channels.

    With R1 and R2 on every step the judge is most of a step's cost, and the full-size level was half of the judge's:
    without it a step took 0.42 times as long on two CPU cores.
    """
    half = replace(network, size_px=network.size_px // 2, widths=widths)
    return nn.Sequential(nn.PixelUnshuffle(2), Discriminator(half, in_channels=12))


def parameter_count(network: nn.Module) -> int:
    """Numbers a network learns."""
    return sum(math.prod(parameter.shape) for parameter in network.parameters())
