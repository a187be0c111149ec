"""One trained stage at work: many portraits in, canonical calls inside, 8-bit pictures out."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from workers.cascade.base import Generator
from workers.cascade.caller import Caller, Landing
from workers.cascade.canonical import giant_call
from workers.cascade.config import CanonicalCall, StageConfig
from workers.cascade.guide import Places, guide_input, sample_at
from workers.cascade.noise import KeyedField, NoiseField
from workers.cascade.pixels import Picture, picture_of, tensor_of, to_float, to_uint8
from workers.cascade.upscaler import Upscaler
from workers.cascade.windows import Span, Window, cut

Item = TypeVar("Item")

INPUT_LAYER = 0
_STRIP_PX = 256


@dataclass(frozen=True)
class Enlargement:
    """What decides one picture's enlargement, apart from the picture. ``step`` is its index in the chain, from 0.

    ``sigma``: noise added to the small picture, in units of [-1, 1]. ``scale_log2``: log2(s / size), clamped to what
    was taught. ``texture``: the wanted one, in standard deviations of the photos' log energy; None: the noise seed's.
    """

    noise_seed: int
    step: int
    sigma: float = 0.0
    scale_log2: float = 0.0
    texture: float | None = None


@dataclass(frozen=True)
class Source:
    """One small picture ready to be painted from: its noise already in it, its guide computed. Both can be stored.

    ``guide``: float32 [guide_channels, gh, gw]. A part of a picture will do for the windows inside it: ``corner`` is
    then its (top, left) in the whole, and ``whole`` the (height, width) of that.
    """

    picture: Picture
    guide: Tensor
    enlargement: Enlargement
    corner: tuple[int, int] = (0, 0)
    whole: tuple[int, int] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the whole picture."""
        return self.whole or (self.picture.shape[0], self.picture.shape[1])

    def under(self, window: Window) -> Picture:
        """The pixels that a window reads."""
        top, left = self.corner
        rows, columns = window.rows, window.columns
        return self.picture[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]


class BaseStage:
    """The base at work: latents in, small portraits out."""

    def __init__(self, network: Generator, config: StageConfig, *, device: torch.device) -> None:
        self.config = config
        self.device = device
        self.network = network.to(device=device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        self._caller = Caller(config.call, device)

    def render(self, latents: Tensor) -> Iterator[Picture]:
        """float32 [N, latent_dim] -> N pictures of ``size_px``, in order."""
        for count, landing in self._caller.ahead(self._begun(latents)):
            yield from (landing.picture(index) for index in range(count))

    def _begun(self, latents: Tensor) -> Iterator[tuple[int, Landing]]:
        """The canonical calls and how many pictures of each count."""
        call = self.config.call
        for group in torch.split(latents, call.micro_batch):
            padded = torch.stack(padding(list(group), call.micro_batch))
            yield len(group), self._caller.fetch(self._caller(call, self._painted, padded))

    def _painted(self, latents: Tensor) -> Tensor:
        return to_uint8(self.network(latents))


class UpscalerStage:
    """An upscaler at work: small pictures in, large ones out, whole or window by window."""

    def __init__(self, network: Upscaler, config: StageConfig, *, device: torch.device) -> None:
        self.config = config
        self.device = device
        self.network = network.to(device=device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        self._caller = Caller(config.call, device)

    @property
    def factor(self) -> int:
        """How many times larger the output is."""
        factor: int = self.network.config.factor
        return factor

    def call_for(self, picture: Picture) -> CanonicalCall:
        """The canonical call for a picture of this size: the stage's own, or the giant one beyond what it was made for.

        Windows of giant pictures go through the network one at a time.
        """
        return self.call_of(picture.shape[0], picture.shape[1])

    def call_of(self, height: int, width: int) -> CanonicalCall:
        """The same for a picture of which only the size is known."""
        call = self.config.call
        if max(height, width) <= self.network.config.input_px:
            return call
        return giant_call(call, halo_px=self.config.halo_px)

    def windows(self, picture: Picture) -> Iterator[Window]:
        """The windows in which this stage paints a picture."""
        return self.windows_of(picture.shape[0], picture.shape[1])

    def windows_of(self, height: int, width: int) -> Iterator[Window]:
        """The same for a picture of which only the size is known."""
        call = self.call_of(height, width)
        return cut(height, width, window_px=call.window_px, halo_px=self.config.halo_px)

    def enlarge(self, pictures: Sequence[Picture], enlargements: Sequence[Enlargement]) -> Iterator[Picture]:
        """Enlarge equally large pictures, in order: uint8 [H, W, 3] -> [factor·H, factor·W, 3].

        One large picture is held at a time, and beyond it what one call needs.
        """
        return self.stream(zip(pictures, enlargements, strict=True))

    def stream(self, work: Iterable[tuple[Picture, Enlargement]]) -> Iterator[Picture]:
        """The same for pictures as they come: a micro-batch is taken at a time, and on CUDA one more ahead."""
        to_paint, to_assemble = itertools.tee(self._looked_at(work))
        painted = self.paint((source, window) for source in to_paint for window in self.windows(source.picture))
        for source in to_assemble:
            yield self._assembled(source, painted)

    def _looked_at(self, work: Iterable[tuple[Picture, Enlargement]]) -> Iterator[Source]:
        work = iter(work)
        for first in work:
            group = [first, *itertools.islice(work, self.call_for(first[0]).micro_batch - 1)]
            yield from self.look([picture for picture, _ in group], [how for _, how in group])

    def _assembled(self, source: Source, painted: Iterator[Picture]) -> Picture:
        """The large picture of a source from its next windows."""
        f = self.factor
        height, width = source.picture.shape[:2]
        large: Picture = np.empty((f * height, f * width, 3), dtype=np.uint8)
        for window in self.windows(source.picture):
            rows, columns = window.rows, window.columns
            large[_scaled(rows.keep_start, rows.keep_stop, f), _scaled(columns.keep_start, columns.keep_stop, f)] = (
                next(painted)
            )
        return large

    def look(self, pictures: Sequence[Picture], enlargements: Sequence[Enlargement]) -> list[Source]:
        """Put each picture's noise into it and compute its guide, once for all its windows.

        Pictures are equally large.
        """
        if not pictures:
            return []
        noisy = [spoil(picture, how) for picture, how in zip(pictures, enlargements, strict=True)]
        guides: list[Tensor] = []
        call = self.call_for(noisy[0])
        side = self.network.config.guide_input_px
        for group in batched(zip(noisy, enlargements, strict=True), call.micro_batch):
            guides += self.guides([guide_input(picture, side) for picture, _ in group], [how for _, how in group], call)
        return [Source(*each) for each in zip(noisy, guides, enlargements, strict=True)]

    def guides(
        self, smalls: Sequence[Tensor], enlargements: Sequence[Enlargement], call: CanonicalCall
    ) -> list[Tensor]:
        """The guides of one call's pictures, float32 [guide_channels, gh, gw], each from its ``guide_input``."""
        small = torch.stack(padding(smalls, call.micro_batch))
        told = self._conditions(padding(enlargements, call.micro_batch))
        return list(self._caller(call, self.network.guide, small, told))[: len(smalls)]

    def paint(self, work: Iterable[tuple[Source, Window]]) -> Iterator[Picture]:
        """Paint windows in any order and company; each yields the kept part, uint8 [factor·rows, factor·columns, 3].

        All windows of one call to this function have one shape and come from pictures of one size, as
        :func:`workers.cascade.windows.cut` gives them.
        """
        f = self.factor
        for windows, landing in self._caller.ahead(self._begun(work)):
            for index, window in enumerate(windows):
                yield landing.picture(index, _kept(window.rows, f), _kept(window.columns, f))

    def _begun(self, work: Iterable[tuple[Source, Window]]) -> Iterator[tuple[list[Window], Landing]]:
        """The canonical calls, exactly ``micro_batch`` windows of one shape each, and the windows that count."""
        work = iter(work)
        for first in work:
            call = self.call_of(*first[0].size)
            group = [first, *itertools.islice(work, call.micro_batch - 1)]
            inputs = self._inputs(padding(group, call.micro_batch))
            yield [window for _, window in group], self._caller.fetch(self._caller(call, self._painted, *inputs))

    def _inputs(self, batch: Sequence[tuple[Source, Window]]) -> list[Tensor]:
        """All that decides a call's pixels, as tensors: what :meth:`_painted` takes."""
        tiles = torch.stack([tensor_of(source.under(window)) for source, window in batch])
        guides = torch.stack([source.guide for source, _ in batch])
        how = [source.enlargement for source, _ in batch]
        top = tuple(window.rows.start for _, window in batch)
        left = tuple(window.columns.start for _, window in batch)
        heights, widths = zip(*(source.size for source, _ in batch), strict=True)
        places = Places(top=top, left=left, picture_height=heights, picture_width=widths)
        noise = NoiseField(seeds=tuple(h.noise_seed for h in how), steps=tuple(h.step for h in how), top=top, left=left)
        keys = noise.keys(self.network.painter.noise_channels)
        return [tiles, guides, places.numbers(), self._conditions(how), keys]

    def _painted(self, tiles: Tensor, guides: Tensor, places: Tensor, told: Tensor, keys: Tensor) -> Tensor:
        """uint8 [N, 3, h, w] and what goes with it -> uint8 [N, 3, factor·h, factor·w]."""
        painter = self.network.painter
        noise = KeyedField(keys, places[:, :2], painter.noise_channels)
        under = sample_at(guides, places, height=tiles.shape[2], width=tiles.shape[3])
        return to_uint8(painter(to_float(tiles), under, told, noise))

    def _conditions(self, enlargements: Sequence[Enlargement]) -> Tensor:
        """float32 [N, 2 + texture_dim]: sigma, scale clamped to what was taught, and the texture where there is one."""
        told = torch.zeros(len(enlargements), 2 + self.network.config.texture_dim)
        for row, how in zip(told, enlargements, strict=True):
            row[0] = how.sigma
            row[1] = min(max(how.scale_log2, self.config.scale_min), 0.0)
            if self.config.texture is not None:
                row[2:] = torch.tensor(self.config.texture.wanted(how.texture, noise_seed=how.noise_seed))
        return told


def spoil(picture: Picture, how: Enlargement, *, corner: tuple[int, int] = (0, 0)) -> Picture:
    """The picture with sigma times position-keyed noise added, as 8-bit values again; itself when sigma is 0.

    ``corner``: (top, left) of the picture where it is a part of a larger one.
    """
    if how.sigma == 0.0:
        return picture
    spoilt = np.empty_like(picture)
    for top in range(0, picture.shape[0], _STRIP_PX):
        strip = to_float(tensor_of(picture[top : top + _STRIP_PX]))[None]
        field = NoiseField(seeds=(how.noise_seed,), steps=(how.step,), top=(corner[0] + top,), left=(corner[1],))
        height, width = strip.shape[2:]
        noise = field.maps(layer=INPUT_LAYER, channels=3, grid=1, size=(height, width), like=strip)
        spoilt[top : top + _STRIP_PX] = picture_of(to_uint8(strip + how.sigma * noise)[0])
    return spoilt


def padding(items: Sequence[Item], count: int) -> list[Item]:
    """The items, filled up to ``count`` with copies of the first: what comes out for those is dropped."""
    return [*items, *([items[0]] * (count - len(items)))]


def batched(items: Iterable[Item], count: int) -> Iterator[list[Item]]:
    """Lists of ``count`` items, the last one shorter."""
    iterator = iter(items)
    while group := list(itertools.islice(iterator, count)):
        yield group


def _kept(span: Span, factor: int) -> slice:
    return _scaled(span.keep_start - span.start, span.keep_stop - span.start, factor)


def _scaled(start: int, stop: int, factor: int) -> slice:
    return slice(factor * start, factor * stop)
