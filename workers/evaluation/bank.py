"""The feature bank of one level: energies of small filters and of a fixed random layer on top of them.

Random features tell generators apart about as well as trained ones (Naeem et al. 2020; arXiv 2208.09218). Here the
first layer is a whole basis, so that no direction is missed, and energies are logarithms relative to the level's own,
so that the contrast all filters share counts once and does not drown what differs between them.
"""

import functools
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from workers.evaluation.keyed import normal_rows
from workers.evaluation.pyramid import FIELDS, in_fields, tiles

QUANTISATION = 1 / 12
"""Variance of rounding to 8 bits: below it there is nothing to see."""
SECOND = 24
_LUMA = 8  # filters on luma: the 3 × 3 cosine basis without its mean
_CHROMA = (0, 2, 3, 7)  # of them, on each colour difference: along x, along y, both, finest
_FIRST = _LUMA + 2 * len(_CHROMA)


@dataclass(frozen=True)
class LevelFeatures:
    """log_energy: [N], mean over the luma filters. relative: [N, F], all else, none of which scales with contrast."""

    log_energy: Tensor
    relative: Tensor


def level_features(planes: Tensor) -> LevelFeatures:
    """Of one pyramid level in opponent colours, float32 [N, 3, s, s] in 8-bit levels, s at least 16."""
    seen = tiles(planes)
    count = len(seen)
    first = _first_layer(seen.flatten(0, 1))
    fields = in_fields(first.square(), count)
    energy = torch.log(fields.mean(dim=2) + QUANTISATION)
    size = torch.log(in_fields(first.abs(), count).mean(dim=2) + QUANTISATION**0.5)
    log_energy = energy[:, :_LUMA].mean(dim=1)
    second = _second_layer(first, count)
    relative = (energy - log_energy[:, None], size - energy / 2, _quadrants(fields), second)
    return LevelFeatures(log_energy, torch.cat(relative, dim=1))


def _first_layer(planes: Tensor) -> Tensor:
    """The cosine basis on luma, four of it on each colour difference: [N, 3, s, s] -> [N, _FIRST, s - 2, s - 2]."""
    basis = first_weights()
    luma = functional.conv2d(planes[:, :1], basis)
    chroma = functional.conv2d(planes[:, 1:].flatten(0, 1)[:, None], basis[list(_CHROMA)])
    return torch.cat([luma, chroma.reshape(len(planes), -1, *luma.shape[2:])], dim=1)


def _second_layer(first: Tensor, count: int) -> Tensor:
    """Log energies of a random layer on the compressed size of the first one's responses, [N, SECOND]."""
    compressed = functional.avg_pool2d(first.abs(), 2).sqrt_()
    maps = functional.conv2d(compressed, second_weights())
    return torch.log(in_fields(maps.square(), count).mean(dim=2) + 1e-3)


def _quadrants(fields: Tensor) -> Tensor:
    """Where luma's and colour's energy lies: logarithm of each quadrant's share, [N, 8]."""
    groups = torch.stack([fields[:, :_LUMA].mean(dim=1), fields[:, _LUMA:].mean(dim=1)], dim=1)
    squares = groups.reshape(len(fields), 2, 2, FIELDS // 2, 2, FIELDS // 2).mean(dim=(3, 5)).flatten(2) + QUANTISATION
    return torch.log(squares / squares.mean(dim=2, keepdim=True)).flatten(1)


@functools.cache
def first_weights() -> Tensor:
    """The 3 × 3 cosine basis without its mean, [_LUMA, 1, 3, 3]."""
    orders = [(i, j) for i in range(3) for j in range(3) if (i, j) != (0, 0)]
    filters = np.array([np.outer(_cosine(i), _cosine(j)) for i, j in orders], dtype=np.float32)
    return torch.from_numpy(filters[:, None])


@functools.cache
def second_weights() -> Tensor:
    """[SECOND, _FIRST, 3, 3], random, each filter without mean and of length 1."""
    drawn = normal_rows("second layer", SECOND, _FIRST * 9)
    drawn = drawn - drawn.mean(axis=1, keepdims=True)
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    return torch.from_numpy(drawn.reshape(SECOND, _FIRST, 3, 3))


def _cosine(order: int) -> NDArray[np.float64]:
    taps = np.cos(np.pi * order * (np.arange(3) + 0.5) / 3)
    return np.asarray(taps / np.linalg.norm(taps))
