"""The guide: one look at the whole small picture, left as a feature map that every tile reads at its absolute place.

Tyka drew landmarks into his enlarger's input so that a tile knew whether it was skin or hair; here that knowledge is
learned. The guide may look anywhere (it is computed once a picture, never in tiles), so it alone has attention.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from workers.cascade.config import UpscalerConfig
from workers.cascade.layers import ResidualBlock, downsample, scaled_conv, upsample
from workers.cascade.pixels import Picture, area_sums

_HEADS = 4
_DEPTH = 2


class Attention(nn.Module):
    """Every place asks every other one (Vaswani et al. 2017, arXiv 1706.03762, eq. 1);

    added to its input, starting at zero.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = _HEADS if width % _HEADS == 0 else 1
        self.ask = scaled_conv(width, 3 * width, 1, gain=1.0)
        self.leave = scaled_conv(width, width, 1, gain=0.0)

    def forward(self, x: Tensor) -> Tensor:
        """[N, width, H, W] -> the same shape."""
        count, width, height, across = x.shape
        asked = self.ask(x).reshape(count, 3, self.heads, width // self.heads, height * across)
        query, key, value = asked.transpose(3, 4).unbind(1)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        residual: Tensor = self.leave(mixed.transpose(2, 3).reshape(count, width, height, across))
        return x + residual


class Guide(nn.Module):
    """``[N, 3, h, w] -> [N, guide_channels, h/2, w/2]``, h and w multiples of 8.

    a small U-net over the whole picture.
    """

    def __init__(self, config: UpscalerConfig) -> None:
        super().__init__()
        width = config.guide_width
        total = 2 * _DEPTH + config.guide_blocks

        def block() -> ResidualBlock:
            return ResidualBlock(width, expansion=1, group_channels=0, total_blocks=total)

        self.enter = scaled_conv(4 * (3 + 2 + config.texture_dim), width, 3, gain=1.0)
        self.inward = nn.ModuleList(block() for _ in range(_DEPTH))
        self.deepest = nn.Sequential(*(block() for _ in range(config.guide_blocks)), Attention(width))
        self.outward = nn.ModuleList(block() for _ in range(_DEPTH))
        self.leave = scaled_conv(width, config.guide_channels, 1, gain=1.0)

    def forward(self, small: Tensor, conditions: Tensor) -> Tensor:
        """Look at whole pictures.

        float [N, 3, h, w] in [-1, 1] and conditions [N, 2 + texture_dim] -> float32 features.
        """
        told = conditions[:, :, None, None].expand(-1, -1, *small.shape[2:])
        x = functional.pixel_unshuffle(torch.cat([small, told], dim=1), 2)
        x = self.enter(x.contiguous(memory_format=torch.channels_last))
        skips = []
        for block in self.inward:
            x = block(x)
            skips.append(x)
            x = downsample(x)
        x = self.deepest(x)
        for block in self.outward:
            x = block(upsample(x) + skips.pop())
        features: Tensor = self.leave(x)
        return features.float()


@dataclass(frozen=True)
class Places:
    """Where N equally large windows lie: corners and whole picture sizes, in the painter's low-resolution pixels.

    Each of the four tuples has one entry a window. Windows of one batch may come from pictures of different sizes.
    """

    top: tuple[int, ...]
    left: tuple[int, ...]
    picture_height: tuple[int, ...]
    picture_width: tuple[int, ...]

    def numbers(self) -> Tensor:
        """The same as int64 [N, 4], in the order of the fields."""
        return torch.tensor([self.top, self.left, self.picture_height, self.picture_width], dtype=torch.int64).T


def guide_input(picture: Picture, guide_input_px: int) -> Tensor:
    """The whole picture as the guide sees it: float32 [3, h, w] in [-1, 1], long side ``guide_input_px``.

    An exact area mean whatever the picture's size: integer sums, then one rounding to float.
    """
    height, width = guide_size(picture.shape[0], picture.shape[1], guide_input_px)
    return guide_input_of(area_sums(picture, height=height, width=width), pixels=picture.shape[0] * picture.shape[1])


def guide_input_of(sums: npt.NDArray[np.int64], *, pixels: int) -> Tensor:
    """The same from the ``area_sums`` of a picture of so many pixels, in which it never was whole."""
    means = (sums / float(pixels)).astype(np.float32)
    return torch.from_numpy(means.transpose(2, 0, 1).copy()) / 127.5 - 1.0


def guide_size(height: int, width: int, guide_input_px: int) -> tuple[int, int]:
    """The guide's input size for a picture: the long side given, the short one in proportion, to a multiple of 8."""
    long = max(height, width)

    def side(length: int) -> int:
        return max(8, 8 * ((2 * length * guide_input_px + 8 * long) // (16 * long)))

    return side(height), side(width)


def sample_guide(guide: Tensor, places: Places, *, height: int, width: int) -> Tensor:
    """The guide under each window, bilinear: float32 [N, G, gh, gw] -> [N, G, height, width].

    Weights come from integer numerators of absolute coordinates, and each value is four products summed in a fixed
    order, so a pixel gets the same bits from every window that holds it; resizing a crop would not give that.
    """
    return sample_at(guide, places.numbers().to(guide.device), height=height, width=width)


def sample_at(guide: Tensor, places: Tensor, *, height: int, width: int) -> Tensor:
    """:func:`sample_guide` for places that are numbers on the guide's device: int64 [N, 4]."""
    top, left, picture_height, picture_width = places[:, :, None].unbind(1)
    rows, down = _axis_weights(top, picture_height, cells=guide.shape[2], count=height)
    columns, right = _axis_weights(left, picture_width, cells=guide.shape[3], count=width)
    return _blend(_blend(guide, rows, down, axis=2), columns, right, axis=3)


def _axis_weights(start: Tensor, size: Tensor, *, cells: int, count: int) -> tuple[Tensor, Tensor]:
    """For each pixel centre: the lower cell (int64 [N, count], may be -1) and the next one's share (float32).

    ``start`` and ``size``: int64 [N, 1].
    """
    at = start + torch.arange(count, device=start.device)
    numerator = (2 * at + 1) * cells - size
    lower = torch.div(numerator, 2 * size, rounding_mode="floor")
    share = (numerator - lower * 2 * size).to(torch.float32) / (2 * size).to(torch.float32)
    return lower, share


def _blend(guide: Tensor, lower: Tensor, share: Tensor, *, axis: int) -> Tensor:
    shape = (guide.shape[0], 1, -1, 1) if axis == 2 else (guide.shape[0], 1, 1, -1)
    last = guide.shape[axis] - 1
    expanded = list(guide.shape)
    expanded[axis] = lower.shape[1]
    below = torch.gather(guide, axis, lower.clamp(0, last).view(shape).expand(expanded))
    above = torch.gather(guide, axis, (lower + 1).clamp(0, last).view(shape).expand(expanded))
    weight = share.view(shape)
    return below * (1.0 - weight) + above * weight
