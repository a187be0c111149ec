"""The few layers every network here is built from: no normalisation, fix-up residual blocks, explicit initialisation.

Nothing here looks across samples, and nothing looks across the whole picture, so a convolution's reach is its
kernel's reach.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

SLOPE = 0.2
# Gain that keeps the variance through a leaky ReLU (He et al. 2015, arXiv 1502.01852, eq. 15).
LEAKY_GAIN = math.sqrt(2.0 / (1.0 + SLOPE**2))


def scaled_conv(inner: int, outer: int, kernel: int, *, gain: float, bias: bool = False, groups: int = 1) -> nn.Conv2d:
    """A same-size convolution with weights N(0, gain²/fan_in) and zero biases; zero padding at the tensor's edge."""
    conv = nn.Conv2d(inner, outer, kernel, padding=kernel // 2, bias=bias, groups=groups)
    draw_normal(conv.weight, gain / math.sqrt(conv.weight[0].numel()))
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return conv


def scaled_linear(inner: int, outer: int, *, gain: float = 1.0) -> nn.Linear:
    """A linear map without bias, weights N(0, gain²/fan_in)."""
    linear = nn.Linear(inner, outer, bias=False)
    draw_normal(linear.weight, gain / math.sqrt(inner))
    return linear


def draw_normal(weight: Tensor, std: float) -> None:
    """Normal weights. Not on the meta device: there is nothing to draw, and trying imports 800 modules (2 s)."""
    if not weight.is_meta:
        with torch.no_grad():
            weight.normal_(0.0, std)


class ResidualBlock(nn.Module):
    """``x + W3·leak(W2·leak(W1·x + b1) + b2)``: 1x1, 3x3, 1x1; biases only before activations (arXiv 2501.05441).

    Fix-up (Zhang et al. 2019, arXiv 1901.09321): with L residual blocks in the network, the first two convolutions
    are scaled by L^(-1/(2m-2)) for m = 3 convolutions a block, and the last starts at zero, so that the network
    starts as its skips.
    """

    def __init__(self, width: int, *, expansion: int, group_channels: int, total_blocks: int) -> None:
        super().__init__()
        inner = width * expansion
        gain = LEAKY_GAIN * total_blocks ** (-1.0 / 4.0)
        groups = inner // group_channels if group_channels else 1
        self.enter = scaled_conv(width, inner, 1, gain=gain, bias=True)
        self.spatial = scaled_conv(inner, inner, 3, gain=gain, bias=True, groups=groups)
        self.leave = scaled_conv(inner, width, 1, gain=0.0)

    def forward(self, x: Tensor) -> Tensor:
        """[N, width, H, W] -> the same shape."""
        y = functional.leaky_relu(self.enter(x), SLOPE)
        y = functional.leaky_relu(self.spatial(y), SLOPE)
        residual: Tensor = self.leave(y)
        return x + residual


def upsample(x: Tensor) -> Tensor:
    """Twice as large by bilinear interpolation (the binomial [1, 3, 3, 1]/4 low-pass), in ``x``'s own dtype."""
    return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def downsample(x: Tensor) -> Tensor:
    """Half as large by the mean of 2x2 boxes."""
    return functional.avg_pool2d(x, 2)
