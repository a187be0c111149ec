"""The upscaler's judge: patches of detail, seen cell by cell of the pixel shuffle (docs/recipes.md §5).

It never sees the candidate itself, only what it has beyond its own small version, beside the condition: so it cannot
tell real from painted by faults that were already in the small picture, which the painter may not change.
"""

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional

from workers.cascade.config import UpscalerConfig
from workers.cascade.layers import ResidualBlock, downsample, scaled_conv
from workers.cascade.resample import high_pass

_LEAST_CELL_PX = 4


def cell_px(factor: int) -> int:
    """Side of the squares of pixels that the judge begins with."""
    return factor if factor >= _LEAST_CELL_PX else 2 * factor


def score_px(factor: int, widths: tuple[int, ...]) -> int:
    """Side of the square that one score stands for: a judged crop is a multiple of it, in large pixels."""
    return cell_px(factor) << (len(widths) - 1)


class PatchJudge(nn.Module):
    """`candidate + condition -> scores [N, h, w]`, float32; larger is more real.

    It begins with a pixel-unshuffle by the painter's own factor (twice that for 2 and 3). A pattern at the shuffle's
    period is then a difference between channels, seen by every layer; behind an unshuffle by 2 the same pattern was
    lost at the first pooling, and within 5,000 crops a dotted grid of four times the photos' power stood along edges.
    """

    def __init__(self, config: UpscalerConfig, *, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.factor = config.factor
        self.cell_px = cell_px(config.factor)
        told = 1 + 2 + config.texture_dim
        self.enter = scaled_conv(6 * self.cell_px**2 + told, widths[0], 1, gain=2.0)
        self.levels = nn.ModuleList(
            ResidualBlock(width, expansion=1, group_channels=0, total_blocks=len(widths)) for width in widths
        )
        self.widen = nn.ModuleList(scaled_conv(a, b, 1, gain=1.0) for a, b in itertools.pairwise(widths))
        self.score = scaled_conv(widths[-1], 1, 3, gain=1.0)

    def forward(self, candidate: Tensor, enlarged: Tensor, conditions: Tensor, shown: Tensor) -> Tensor:
        """Score patches.

        candidate: float32 [N, 3, H, W] in about [-1, 1]. enlarged: [N, 3, H, W], the spoilt small tile, enlarged.
        conditions: [N, 2 + texture_dim], as the painter got them. shown: [N], 1 where the condition may be seen, 0
        where it is hidden (zeroed, and said to be). H, W: multiples of cell_px * 2^(levels - 1); a score per such step.
        """
        pictures = torch.cat([high_pass(candidate, self.factor), enlarged * shown[:, None, None, None]], dim=1)
        cells = functional.pixel_unshuffle(pictures, self.cell_px)
        told = torch.cat([shown[:, None], conditions], dim=1)[:, :, None, None].expand(-1, -1, *cells.shape[2:])
        x = self.enter(torch.cat([cells, told], dim=1).contiguous(memory_format=torch.channels_last))
        x = self.levels[0](x)
        for widen, level in zip(self.widen, list(self.levels)[1:], strict=True):
            x = level(widen(downsample(x)))
        with torch.autocast(x.device.type, enabled=False):
            scores: Tensor = self.score(x.float())
        return scores[:, 0]
