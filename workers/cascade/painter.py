"""The painter: one tile of the small picture becomes one tile of the large one, the same bits whatever tile it came in.

Everything here reaches a known number of pixels (``halo.py`` measures it): convolutions, element-wise functions,
shuffles. A texture that is told scales the blocks' features, channel by channel (Perez et al. 2018, arXiv 1709.07871,
eq. 1 without its shift). There is no normalisation over space or batch and no attention. Nearly all work is done at low
resolution, before the pixel shuffles.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from workers.cascade.config import UpscalerConfig
from workers.cascade.layers import LEAKY_GAIN, SLOPE, scaled_conv
from workers.cascade.noise import Noise
from workers.cascade.resample import enlarge
from workers.cascade.shuffle import shuffle_pixels

BLOCKS_LAYER = 1
SHUFFLE_LAYER = 2
"""Noise layers: 0 is the input's own (sigma), 1 the blocks' (a channel each), 2 and up the shuffles' in order."""

TAIL_REACH_PX = 4
"""More than anything behind the blocks reaches, in the tile's pixels: the filters at most 2, cubic convolution 2."""
LARGE_PX = 1 << 18
"""On a CPU larger tiles are enlarged in bands: the windows of giant pictures."""
BAND_PX = 1 << 16
"""About so many pixels of the tile a band: what it needs stays in the cache, and a fifth of the time is saved."""

SHUFFLES: dict[int, tuple[int, ...]] = {2: (2,), 3: (3,), 4: (2, 2), 6: (2, 3), 8: (2, 2, 2)}
"""The pixel shuffles that make up each factor."""


class NoisyBlock(nn.Module):
    """``x + W2·leak(W1·x + b + strength·noise)``, two 3x3 convolutions; fix-up initialised (arXiv 1901.09321)."""

    def __init__(self, width: int, *, total_blocks: int) -> None:
        super().__init__()
        self.enter = scaled_conv(width, width, 3, gain=LEAKY_GAIN / math.sqrt(total_blocks), bias=True)
        self.strength = nn.Parameter(torch.zeros(width, 1, 1))
        self.leave = scaled_conv(width, width, 3, gain=0.0)

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        """[N, width, h, w] and noise [N, 1, h, w] -> [N, width, h, w]."""
        y = self.enter(x)
        # In place: a convolution's backward needs its input, not its output, and fresh memory costs more than the sum.
        y = y.addcmul_(noise.to(y.dtype), self.strength.to(y.dtype))
        y = functional.leaky_relu_(y, SLOPE)
        residual: Tensor = self.leave(y)
        return residual.add_(x)


class Shuffle(nn.Module):
    """``factor`` times larger: 1x1 convolution, noise, activation, pixel shuffle, binomial filter.

    ICNR weights (Aitken et al. 2017, arXiv 1707.02937) make all sub-pixels start equal, and the binomial [1, 2, 1]
    filter smooths the step between them; without the two a dotted grid at the shuffle's period stays visible. Noise
    goes in before the shuffle, as many maps as there are sub-pixels, so that it can differ between them.
    """

    def __init__(self, inner: int, outer: int, *, factor: int) -> None:
        super().__init__()
        self.factor = factor
        self.spread = scaled_conv(inner, outer * factor**2, 1, gain=LEAKY_GAIN, bias=True)
        with torch.no_grad():
            first = self.spread.weight[:outer].clone()
            self.spread.weight.view(factor**2, outer, inner, 1, 1).copy_(first)
        self.strength = scaled_conv(factor**2, outer * factor**2, 1, gain=0.0)
        self.smooth: Tensor
        self.register_buffer("smooth", binomial_kernel(outer), persistent=False)

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        """[N, inner, h, w] and noise [N, factor², h, w] -> [N, outer, factor·h, factor·w]."""
        noise = noise.contiguous(memory_format=torch.channels_last)
        y = functional.leaky_relu_(self.spread(x).add_(self.strength(noise)), SLOPE)
        smooth = self.smooth.to(y.dtype)
        return functional.conv2d(shuffle_pixels(y, self.factor), smooth, padding=1, groups=smooth.shape[0])


class Painter(nn.Module):
    """``tile + guide + conditions + noise -> enlarged tile``, float32, about [-1, 1]; not clamped."""

    def __init__(self, config: UpscalerConfig) -> None:
        super().__init__()
        self.config = config
        self.enter = scaled_conv(3 + config.guide_channels + 2 + config.texture_dim, config.channels, 3, gain=1.0)
        self.blocks = nn.ModuleList(
            NoisyBlock(config.channels, total_blocks=config.blocks) for _ in range(config.blocks)
        )
        if config.texture_dim:
            self.strength = nn.Linear(config.texture_dim, config.channels, bias=False)
            nn.init.zeros_(self.strength.weight)
        factors = SHUFFLES[config.factor]
        # Halved at each shuffle until the last, which leaves full_channels.
        halved = (max(config.channels >> index, 1) for index in range(1, len(factors)))
        widths = [config.channels, *halved, config.full_channels]
        self.shuffles = nn.ModuleList(
            Shuffle(widths[index], widths[index + 1], factor=factor) for index, factor in enumerate(factors)
        )
        self.refine = scaled_conv(config.full_channels, config.full_channels, 3, gain=LEAKY_GAIN, bias=True)
        self.to_rgb = scaled_conv(config.full_channels, 3, 3, gain=0.0)

    @property
    def noise_channels(self) -> dict[int, int]:
        """How many maps of noise each layer draws."""
        factors = enumerate(SHUFFLES[self.config.factor])
        return {BLOCKS_LAYER: len(self.blocks), **{SHUFFLE_LAYER + index: factor**2 for index, factor in factors}}

    def forward(self, tile: Tensor, guide: Tensor, conditions: Tensor, noise: Noise) -> Tensor:
        """Paint tiles.

        Args:
            tile: float32 [N, 3, h, w] in [-1, 1].
            guide: float32 [N, guide_channels, h, w], sampled under the tile
            (:func:`workers.cascade.guide.sample_guide`). conditions: float32 [N, 2 + texture_dim]: sigma, log2(s /
            size), texture. noise: the keys and places of the N tiles.

        Returns:
            float32 [N, 3, factor·h, factor·w]: the tile enlarged by cubic convolution, plus what the network paints.
        """
        height, width = tile.shape[2:]
        told = conditions[:, :, None, None].expand(-1, -1, height, width)
        x = torch.cat([tile, guide, told], dim=1).contiguous(memory_format=torch.channels_last)
        x = self.enter(x)
        maps = noise.maps(layer=BLOCKS_LAYER, channels=len(self.blocks), grid=1, size=(height, width), like=tile)
        for index, block in enumerate(self.blocks):
            x = block(x, maps[:, index : index + 1])
        del maps
        if self.config.texture_dim:
            # Told beside the tile alone, texture moved a portrait's energy by half of what was set.
            x = x * (1 + self.strength(conditions[:, 2:])).to(x.dtype)[:, :, None, None]
        spread, grid = [], 1
        for index, factor in enumerate(SHUFFLES[self.config.factor]):
            size, layer = (grid * height, grid * width), SHUFFLE_LAYER + index
            spread.append(noise.maps(layer=layer, channels=factor**2, grid=grid, size=size, like=tile))
            grid *= factor
        if torch.is_grad_enabled() or torch.compiler.is_exporting() or tile.device.type != "cpu":
            return self._grown(x, tile, spread)
        large = tile.shape[0] * height * width > LARGE_PX
        return self._grown_in_bands(x, tile, spread) if large else self._grown(x, tile, spread)

    def _grown(self, x: Tensor, tile: Tensor, spread: list[Tensor]) -> Tensor:
        """From the blocks' last features and the shuffles' noise to the enlarged tile."""
        for shuffle, maps in zip(self.shuffles, spread, strict=True):
            x = shuffle(x, maps)
        painted: Tensor = self.to_rgb(functional.leaky_relu_(self.refine(x), SLOPE))
        # The sum is float32: bfloat16 has 8 bits of mantissa, too few for an 8-bit picture, enough for its detail.
        return enlarge(tile, self.config.factor) + painted.float()

    def _grown_in_bands(self, x: Tensor, tile: Tensor, spread: list[Tensor]) -> Tensor:
        """The same, some rows at a time, to the bit: at full resolution a giant window's features are ten times the
        window. What is beyond a band's rows is thrown away where its edge is none of the tile's."""
        f, height, width = self.config.factor, tile.shape[2], tile.shape[3]
        rows = max(TAIL_REACH_PX, BAND_PX // (tile.shape[0] * width))
        whole = torch.empty((tile.shape[0], 3, f * height, f * width), dtype=torch.float32, device=tile.device)
        for top in range(0, height, rows):
            bottom = min(top + rows, height)
            first, last = max(0, top - TAIL_REACH_PX), min(height, bottom + TAIL_REACH_PX)
            maps = [each[:, :, each.shape[2] // height * first : each.shape[2] // height * last] for each in spread]
            band = self._grown(x[:, :, first:last], tile[:, :, first:last], maps)
            whole[:, :, f * top : f * bottom] = band[:, :, f * (top - first) : f * (bottom - first)]
        return whole


def binomial_kernel(channels: int) -> Tensor:
    """The [1, 2, 1]x[1, 2, 1]/16 low-pass for each of ``channels`` maps.

    [channels, 1, 3, 3], exact in any float type.
    """
    row = torch.tensor([1.0, 2.0, 1.0], device="cpu")
    return (row[:, None] * row / 16.0).expand(channels, 1, 3, 3).contiguous()
