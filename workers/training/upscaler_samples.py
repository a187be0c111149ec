"""One upscaler sample: a crop of a photo, the small picture around it, and what the networks are told.

See docs/recipes.md §5. A photo of native size n teaches a stage of output size S at a scale s drawn log-uniformly from
the multiples of the factor within [low * S, min(n, S)]; the small picture has the side m = s / factor.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from workers.cascade.config import UpscalerConfig
from workers.cascade.pixels import Picture
from workers.cascade.texture import TextureSpread
from workers.training.config import RunConfig, UpscalingConfig
from workers.training.data import Frames, area_reduced
from workers.training.degradation import add_noise, draw_sigma, regrained, soften
from workers.training.randomness import generator, photo_of
from workers.training.texture import face_texture

_JITTER = 0.05  # of the small picture's side: how far a stage output's box may lie from its photo's


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One image of the run.

    small: the whole spoilt small picture [m, m, 3]. clean: its judged crop before spoiling [c, c, 3]. real: the photo's
    crop [f*c, f*c, 3]. top, left: the crop's corner in the small picture. sigma, scale_log2: told to the networks.
    shown: whether the judge may see the condition. staged: whether `small` is an output of the stage before. texture:
    the photo's at this scale, as the networks are told it; empty where they are told none.
    """

    small: Picture
    clean: Picture
    real: Picture
    top: int
    left: int
    sigma: float
    scale_log2: float
    shown: bool
    staged: bool
    texture: tuple[float, ...] = ()


class SampleMaker:
    """Makes the sample of any image index; holds data, no state."""

    def __init__(
        self,
        config: RunConfig,
        *,
        network: UpscalerConfig,
        frames: Frames,
        pool: Sequence[Picture],
        texture: TextureSpread | None = None,
    ) -> None:
        """texture: how the photos' textures are spread; None where the networks are told none."""
        self.run_seed = config.seed
        self.network = network
        self.how = config.upscaling or UpscalingConfig()
        self.frames = frames
        self.pool = pool
        self.texture = texture
        self.shown = self._shown_in_an_epoch()

    def sample(self, index: int) -> Sample:
        """The sample of image `index`, a function of the run's seed and the index."""
        random = generator(self.run_seed, "sample", index)
        photo = self.shown[photo_of(self.run_seed, index, len(self.shown))]
        side = self._scale(self.frames.photos[photo].native_px, random)
        large = area_reduced(self.frames.frame(photo), side)
        if self.how.texture_gain > 1.0:
            large = regrained(large, self.how.texture_gain, random)
        texture = () if self.texture is None else self.texture.told(face_texture(large))
        small = area_reduced(large, side // self.network.factor)
        mirrored = random.random() < 0.5
        if mirrored:
            large, small = large[:, ::-1], small[:, ::-1]
        crop = self.how.crop_px
        top, left = (int(v) for v in random.integers(0, small.shape[0] - crop, size=2, endpoint=True))
        f = self.network.factor
        real = large[f * top : f * (top + crop), f * left : f * (left + crop)]
        scale_log2 = math.log2(side / self.network.size_px)
        if self._is_staged(index):
            at = (top, left)
            staged = self._staged(real, side_px=small.shape[0], corner=at, scale_log2=scale_log2, random=random)
            return replace(staged, texture=texture)
        sigma = draw_sigma(self.how, random)
        spoilt = add_noise(soften(np.ascontiguousarray(small), self.how, random), sigma, random)
        return Sample(
            small=spoilt,
            clean=small[top : top + crop, left : left + crop],
            real=real,
            top=top,
            left=left,
            sigma=sigma,
            scale_log2=scale_log2,
            shown=bool(random.random() >= self.how.condition_dropout),
            staged=False,
            texture=texture,
        )

    def _staged(
        self, real: Picture, *, side_px: int, corner: tuple[int, int], scale_log2: float, random: np.random.Generator
    ) -> Sample:
        """An output of the stage before at about the same place and scale, to be paired with the photo's crop."""
        picture = area_reduced(self.pool[int(random.integers(len(self.pool)))], side_px)
        if random.random() < 0.5:
            picture = np.ascontiguousarray(picture[:, ::-1])
        crop, reach = self.how.crop_px, _JITTER * side_px
        shifts = np.rint(random.uniform(-reach, reach, size=2)).astype(int)
        top, left = (int(np.clip(at + by, 0, side_px - crop)) for at, by in zip(corner, shifts, strict=True))
        sigma = draw_sigma(self.how, random)
        return Sample(
            small=add_noise(picture, sigma, random),
            clean=picture[top : top + crop, left : left + crop],
            real=real,
            top=top,
            left=left,
            sigma=sigma,
            scale_log2=scale_log2,
            shown=False,
            staged=True,
        )

    def _shown_in_an_epoch(self) -> list[int]:
        """Photos by index, each once; by area, as often as the least allowed photo's area fits into its own."""
        if not self.how.by_area:
            return list(range(len(self.frames)))
        least = least_native_px(self.network, self.how)
        sides = (min(photo.native_px, self.network.size_px) for photo in self.frames.photos)
        return [photo for photo, side in enumerate(sides) for _ in range(max(1, round((side / least) ** 2)))]

    def _scale(self, native_px: int, random: np.random.Generator) -> int:
        low, high = scale_steps(self.network, self.how, native_px)
        drawn = math.exp(random.uniform(math.log(low), math.log(high + 1)))
        return self.network.factor * min(int(drawn), high)

    def _is_staged(self, index: int) -> bool:
        # Evenly spread over image indices, so that every batch and every rank holds the same share.
        share = self.how.stage_share if self.pool else 0.0
        return math.floor((index + 1) * share) > math.floor(index * share)


def scale_steps(network: UpscalerConfig, how: UpscalingConfig, native_px: int) -> tuple[int, int]:
    """Smallest and largest side of the small picture that a photo of that native size can teach with, ends included."""
    high = min(native_px, network.size_px) // network.factor
    low = max(math.ceil(how.scale_low * network.size_px / network.factor), window_px(how))
    return min(low, high), high


def window_px(how: UpscalingConfig) -> int:
    """Side of the tile the painter gets: the judged crop and its context, in low-resolution pixels."""
    return how.crop_px + 2 * how.context_px


def least_native_px(network: UpscalerConfig, how: UpscalingConfig) -> int:
    """The smallest native size that teaches: 0.3 of the stage's size, and at least one window."""
    return max(math.ceil(0.3 * network.size_px), network.factor * window_px(how))
