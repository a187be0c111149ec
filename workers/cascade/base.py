"""The base: a latent becomes a small portrait (R3GAN's generator, Huang et al. 2025, arXiv 2501.05441).

No mapping network, no style, no normalisation and no injected noise: a learned 4x4 basis weighted by a linear map of
z, then residual blocks and bilinear doublings up to the size. Truncation scales z before it comes here.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from workers.cascade.arithmetic import at_least_fp32
from workers.cascade.config import BaseConfig
from workers.cascade.layers import ResidualBlock, draw_normal, scaled_conv, scaled_linear, upsample


class Generator(nn.Module):
    """``z [N, latent_dim] -> picture [N, 3, size_px, size_px]``, float32, about [-1, 1]; not clamped."""

    def __init__(self, config: BaseConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        self.weigh = scaled_linear(config.latent_dim, widths[0])
        self.basis = nn.Parameter(torch.empty(widths[0], 4, 4))
        draw_normal(self.basis, 1.0)
        self.levels = nn.ModuleList(residual_level(config, width) for width in widths)
        self.widen = nn.ModuleList(
            scaled_conv(before, after, 1, gain=1.0) for before, after in itertools.pairwise(widths)
        )
        self.to_rgb = scaled_conv(widths[-1], 3, 1, gain=1.0)

    def forward(self, z: Tensor) -> Tensor:
        """Paint portraits from latents: [N, latent_dim] -> [N, 3, size_px, size_px] float32."""
        x = self.weigh(z)[:, :, None, None] * self.basis.to(z.dtype)
        x = x.contiguous(memory_format=torch.channels_last)
        x = self.levels[0](x)
        # The 1x1 comes before the doubling: the two commute, and a quarter of the work is left.
        for widen, level in zip(self.widen, self.levels[1:], strict=True):
            x = level(upsample(widen(x)))
        with torch.autocast(x.device.type, enabled=False):
            rgb: Tensor = self.to_rgb(at_least_fp32(x))
        return rgb


def residual_level(config: BaseConfig, width: int) -> nn.Sequential:
    """The residual blocks of one resolution."""
    total = config.blocks * len(config.widths)
    blocks = (
        ResidualBlock(width, expansion=config.expansion, group_channels=config.group_channels, total_blocks=total)
        for _ in range(config.blocks)
    )
    return nn.Sequential(*blocks)
