"""The upscaler's judges: one for patches of detail, one for the whole face (docs/recipes.md §5).

The patch judge never sees the candidate itself, only what it has beyond its own small version, beside the condition.
So it cannot tell real from painted by faults that were already in the small picture, which the painter may not
change.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from workers.cascade.config import BaseConfig, UpscalerConfig
from workers.cascade.discriminator import Discriminator
from workers.cascade.layers import ResidualBlock, downsample, scaled_conv, scaled_linear
from workers.cascade.resample import high_pass
from workers.cascade.shuffle import gather_pixels

PATCH_WIDTHS = (32, 64, 96, 128)
GLOBAL_SIZE_PX = 128


class PatchDiscriminator(nn.Module):
    """``candidate + condition -> scores [N, H/16, W/16]``, float32; larger is more real.

    H and W are multiples of 16.
    """

    def __init__(self, config: UpscalerConfig, *, widths: tuple[int, ...] = PATCH_WIDTHS, blocks: int = 1) -> None:
        super().__init__()
        self.factor = config.factor
        total = blocks * len(widths)
        self.enter = scaled_conv(4 * (3 + 3), widths[0], 1, gain=1.0)
        self.hear = scaled_linear(1 + 2 + config.texture_dim, widths[0])
        self.levels = nn.ModuleList(
            nn.Sequential(
                *(ResidualBlock(width, expansion=1, group_channels=0, total_blocks=total) for _ in range(blocks))
            )
            for width in widths
        )
        pairs = itertools.pairwise(widths)
        self.widen = nn.ModuleList(scaled_conv(inner, outer, 1, gain=1.0) for inner, outer in pairs)
        self.score = scaled_conv(widths[-1], 1, 3, gain=1.0)

    def forward(self, candidate: Tensor, enlarged: Tensor, conditions: Tensor, present: Tensor) -> Tensor:
        """Score patches.

        Args:
            candidate: float32 [N, 3, H, W] in about [-1, 1], real or painted.
            enlarged: float32 [N, 3, H, W], the low-resolution tile with its noise, enlarged.
            conditions: float32 [N, 2 + texture_dim], as the painter got them.
            present: float32 [N], 1 where the condition may be seen and 0 where it is hidden (zeroed and said to be).

        Returns:
            float32 [N, H/16, W/16].
        """
        shown = enlarged * present[:, None, None, None]
        x = gather_pixels(torch.cat([high_pass(candidate, self.factor), shown], dim=1), 2)
        told = self.hear(torch.cat([present[:, None], conditions], dim=1))
        # The same as constant channels beside the picture, without carrying them around.
        x = self.levels[0](self.enter(x) + told[:, :, None, None])
        for widen, level in zip(self.widen, self.levels[1:], strict=True):
            x = level(widen(downsample(x)))
        with torch.autocast(x.device.type, enabled=False):
            scores: Tensor = self.score(x.float())
        return scores[:, 0]


def global_discriminator(*, widths: tuple[int, ...] = (96, 64, 48, 32, 24, 16)) -> Discriminator:
    """A small judge of whole pictures reduced to 128 px: ``[N, 3, 128, 128] -> [N]``. It sees only the paired half."""
    return Discriminator(BaseConfig(size_px=GLOBAL_SIZE_PX, widths=widths))
