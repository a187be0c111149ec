"""Samples as tensors: what painter and judge are given."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from workers.cascade.config import UpscalerConfig
from workers.cascade.guide import Places, guide_input
from workers.cascade.noise import NoiseField
from workers.cascade.pixels import Picture, to_float
from workers.cascade.resample import enlarge
from workers.training.upscaler_samples import Sample


@dataclass(frozen=True, kw_only=True)
class Batch:
    """N samples on the device; c: crop's side, W: window's side, f: factor.

    tile: [N, 3, W, W]. small: [N, 3, g, g], the guide's input. conditions: [N, 2 + texture_dim]. real: [N, 3, fc, fc].
    clean: [N, 3, c, c]. shown: [N], 1 or 0. staged: bool [N]. places: the windows.
    inside: the crop's corner within each window.
    """

    tile: Tensor
    small: Tensor
    conditions: Tensor
    real: Tensor
    clean: Tensor
    shown: Tensor
    staged: Tensor
    places: Places
    inside: tuple[tuple[int, int], ...]
    factor: int

    def noise(self, seeds: Sequence[int]) -> NoiseField:
        """The painter's noise under the windows."""
        steps = (0,) * len(self.inside)
        return NoiseField(seeds=tuple(seeds), steps=steps, top=self.places.top, left=self.places.left)

    def judged(self, large: Tensor) -> Tensor:
        """The judged crops of painted windows: [N, 3, f*W, f*W] -> [N, 3, f*c, f*c]."""
        f, c = self.factor, self.clean.shape[2]
        crops = [
            picture[:, f * y : f * (y + c), f * x : f * (x + c)]
            for picture, (y, x) in zip(large, self.inside, strict=True)
        ]
        return torch.stack(crops)

    def condition(self) -> Tensor:
        """What the judge is shown beside a candidate: the spoilt tile enlarged, [N, 3, f*c, f*c]."""
        return self.judged(enlarge(self.tile, self.factor))


def collate(samples: Sequence[Sample], *, network: UpscalerConfig, window: int, device: torch.device) -> Batch:
    """Tensors of a list of samples; `window`: side of a tile, shifted inward where the picture ends."""
    corners = [tuple(_start(at, s, window) for at in (s.top, s.left)) for s in samples]
    tiles = [s.small[y : y + window, x : x + window] for s, (y, x) in zip(samples, corners, strict=True)]
    conditions = torch.zeros(len(samples), 2 + network.texture_dim)
    conditions[:, 0] = torch.tensor([s.sigma for s in samples])
    conditions[:, 1] = torch.tensor([s.scale_log2 for s in samples])
    if network.texture_dim:
        conditions[:, 2:] = torch.tensor([s.texture for s in samples])
    sides = tuple(s.small.shape[0] for s in samples)
    return Batch(
        tile=_tensor(tiles, device),
        small=torch.stack([guide_input(np.ascontiguousarray(s.small), network.guide_input_px) for s in samples]).to(
            device
        ),
        conditions=conditions.to(device),
        real=_tensor([s.real for s in samples], device),
        clean=_tensor([s.clean for s in samples], device),
        shown=torch.tensor([float(s.shown) for s in samples], device=device),
        staged=torch.tensor([s.staged for s in samples], device=device),
        places=Places(
            top=tuple(y for y, _ in corners),
            left=tuple(x for _, x in corners),
            picture_height=sides,
            picture_width=sides,
        ),
        inside=tuple((s.top - y, s.left - x) for s, (y, x) in zip(samples, corners, strict=True)),
        factor=network.factor,
    )


def _start(at: int, sample: Sample, window: int) -> int:
    """Where the window starts on one axis: the crop in its middle, but never outside the picture."""
    context = (window - int(sample.clean.shape[0])) // 2
    return max(0, min(at - context, int(sample.small.shape[0]) - window))


def _tensor(pictures: Sequence[Picture], device: torch.device) -> Tensor:
    return to_float(torch.from_numpy(np.stack(pictures)).to(device).permute(0, 3, 1, 2))
