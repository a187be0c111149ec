"""An upscaler stage as training sees it: the guide and the painter as one network."""

from __future__ import annotations

from torch import Tensor, nn

from workers.cascade.config import UpscalerConfig
from workers.cascade.guide import Guide, Places, sample_guide
from workers.cascade.noise import NoiseField
from workers.cascade.painter import Painter


class Upscaler(nn.Module):
    """A guide that looks once at the whole small picture, and a painter that works on tiles of it."""

    def __init__(self, config: UpscalerConfig) -> None:
        super().__init__()
        self.config = config
        self.guide = Guide(config)
        self.painter = Painter(config)

    def forward(self, tile: Tensor, small: Tensor, conditions: Tensor, places: Places, noise: NoiseField) -> Tensor:
        """Enlarge N tiles of N pictures.

        Args:
            tile: float32 [N, 3, h, w] in [-1, 1], low-resolution tiles.
            small: float32 [N, 3, gh, gw] in [-1, 1], the whole pictures as the guide sees them, sides multiples of 8.
            conditions: float32 [N, 2 + texture_dim]: sigma of the noise in ``tile``, log2(s / size), texture.
            places: where each tile lies in its picture.
            noise: keys and places of the tiles' noise.

        Returns:
            float32 [N, 3, factor·h, factor·w], about [-1, 1], not clamped.
        """
        features = self.guide(small, conditions)
        under = sample_guide(features, places, height=tile.shape[2], width=tile.shape[3])
        enlarged: Tensor = self.painter(tile, under, conditions, noise)
        return enlarged
