"""Augmentation inside the discriminator: it sees photos and generated pictures through the same random spoiling.

Every operation is linear in the pixels (a colour matrix and two resampling matrices a picture), so it can be
differentiated twice: R1 and R2 are taken with respect to the picture before augmentation. Augmentations do not leak
into the generator while p stays well below one (Karras et al. 2020, ADA, §2.2).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from workers.cascade.arithmetic import at_least_fp32
from workers.training.randomness import generator

Array = npt.NDArray[np.float32]

LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""Weights of grey in sRGB-encoded values (Rec. 601)."""


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """How far each augmentation goes; 0 switches it off. All act on values in [-1, 1].

    brightness: standard deviation of the added constant. contrast, saturation: of log2 of the factor. shift: largest
    shift, as a share of the side. scale: standard deviation of log2 of the zoom (the same both ways).
    """

    brightness: float = 0.2
    contrast: float = 0.5
    saturation: float = 0.7
    shift: float = 0.125
    scale: float = 0.2


@dataclass(frozen=True)
class AugmentDraw:
    """One draw per picture. colour: [N, 3, 4] affine in RGB; rows, columns: [N, S, S] resampling matrices, or None."""

    colour: Tensor
    rows: Tensor | None
    columns: Tensor | None

    def apply(self, pictures: Tensor) -> Tensor:
        """[N, 3, S, S] -> the same shape, float32; float64 stays."""
        x = at_least_fp32(pictures)
        with torch.autocast(x.device.type, enabled=False):
            colour = self.colour.to(x.dtype)
            x = torch.einsum("nij,njhw->nihw", colour[:, :, :3], x) + colour[:, :, 3, None, None]
            if self.rows is not None and self.columns is not None:
                x = self.rows.to(x.dtype)[:, None] @ x @ self.columns.to(x.dtype)[:, None].transpose(2, 3)
        return x

    def twice(self) -> "AugmentDraw":
        """The same draw for a batch of photos followed by as many generated pictures: a pair shares its spoiling."""
        two = [None if part is None else torch.cat([part, part]) for part in (self.rows, self.columns)]
        return AugmentDraw(torch.cat([self.colour, self.colour]), two[0], two[1])

    def to(self, device: torch.device) -> "AugmentDraw":
        """The draw on another device."""
        rows = None if self.rows is None else self.rows.to(device)
        columns = None if self.columns is None else self.columns.to(device)
        return AugmentDraw(self.colour.to(device), rows, columns)


@dataclass(frozen=True, kw_only=True)
class DrawKey:
    """Who draws: the run, the purpose (one per half of a step) and the image indices of the batch."""

    run_seed: int
    purpose: str
    indices: tuple[int, ...]


def draw(config: AugmentConfig, *, key: DrawKey, p: float, size_px: int) -> AugmentDraw:
    """Augmentations for a batch, each operation applied with probability `p`, keyed by image."""
    colours, rows, columns = [], [], []
    for index in key.indices:
        random = generator(key.run_seed, key.purpose, index)
        chosen = random.random(5) < p
        colours.append(_colour(config, random=random, chosen=chosen))
        row, column = _geometry(config, random=random, chosen=chosen, size_px=size_px)
        rows.append(row)
        columns.append(column)
    colour = torch.from_numpy(np.stack(colours))
    if config.shift == 0 and config.scale == 0:
        return AugmentDraw(colour, None, None)
    return AugmentDraw(colour, torch.from_numpy(np.stack(rows)), torch.from_numpy(np.stack(columns)))


def _colour(config: AugmentConfig, *, random: np.random.Generator, chosen: npt.NDArray[np.bool_]) -> Array:
    """[3, 4]: brightness, then contrast about 0, then saturation about the grey axis."""
    normal = random.standard_normal(3).astype(np.float32) * chosen[:3]
    contrast = np.float32(2.0) ** (config.contrast * normal[1])
    saturation = np.float32(2.0) ** (config.saturation * normal[2])
    grey = np.broadcast_to(LUMA, (3, 3))
    matrix = contrast * (grey + saturation * (np.eye(3, dtype=np.float32) - grey))
    offset = np.full((3, 1), contrast * config.brightness * normal[0], dtype=np.float32)
    return np.concatenate([matrix, offset], axis=1).astype(np.float32)


def _geometry(
    config: AugmentConfig, *, random: np.random.Generator, chosen: npt.NDArray[np.bool_], size_px: int
) -> tuple[Array, Array]:
    """Zoom about the centre and shift by whole pixels, reflected at the border, as one matrix per axis."""
    zoom = 2.0 ** (config.scale * float(random.standard_normal()) * bool(chosen[3]))
    reach = config.shift * size_px * bool(chosen[4])
    offsets = np.rint(random.uniform(-reach, reach, size=2))
    return resampling_matrix(size_px, zoom, float(offsets[0])), resampling_matrix(size_px, zoom, float(offsets[1]))


def resampling_matrix(size_px: int, zoom: float, shift_px: float) -> Array:
    """[S, S], bilinear, mirrored outside: output i reads the input at (i + 0.5 - S/2 - shift) / zoom + S/2 - 0.5."""
    centre = size_px / 2
    position = (np.arange(size_px) + 0.5 - centre - shift_px) / zoom + centre - 0.5
    low = np.floor(position).astype(np.int64)
    share = (position - low).astype(np.float32)
    matrix = np.zeros((size_px, size_px), dtype=np.float32)
    lines = np.arange(size_px)
    np.add.at(matrix, (lines, _mirrored(low, size_px)), 1.0 - share)
    np.add.at(matrix, (lines, _mirrored(low + 1, size_px)), share)
    return matrix


def _mirrored(index: npt.NDArray[np.int64], size: int) -> npt.NDArray[np.int64]:
    """Indices reflected into 0 … size - 1, the border pixel repeated."""
    folded = np.mod(index, 2 * size)
    return np.where(folded < size, folded, 2 * size - 1 - folded)
