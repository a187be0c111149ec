"""Noise as a function of position, and latents as a function of a seed: one counter-based generator for both.

No generator state exists: a value depends on its key and its integer coordinates alone, so tiles, batches, processes
and devices agree bit for bit (docs/recipes.md §2). All arithmetic is integer: on a CPU in NumPy's unsigned 32-bit
words, which wrap by definition (three times as fast), elsewhere in int64 tensors masked to 32 bits with every product
below 2^63. The last step is one exact int-to-float conversion and one float32 division. Box–Muller is avoided: log and
cos differ between devices.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

_MASK = 0xFFFF_FFFF
_STRIDE = 0x9E37_79B1
_FIRST, _SECOND = 0x7FEB_352D, 0x2C1B_3C6D
# The sum of four independent uniform 16-bit integers: mean 4·65535/2, standard deviation sqrt(4·(2^32 - 1)/12).
_MEAN = 131_070
_STD = 37_837.2275
# Values worked on at once on a CPU: the hash passes over them some twenty times, so they should stay in the cache.
_AT_ONCE = 2**16
Words = npt.NDArray[np.uint32]


def key_words(*parts: int | str) -> tuple[int, int, int]:
    """Three 32-bit words from the sha256 of the canonical JSON list of ``parts``."""
    text = json.dumps(parts, separators=(",", ":"), ensure_ascii=True)
    digest = hashlib.sha256(text.encode("ascii")).digest()
    first, second, third = (int.from_bytes(digest[start : start + 4], "big") for start in (0, 4, 8))
    return first, second, third


def keyed_normal(keys: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """Nearly normal values (mean 0, variance 1, kurtosis 2.70, within ±3.47) at integer positions.

    Args:
        keys: int64 [..., 3], words in 0 … 2^32 - 1.
        y: int64 [..., H], rows in 0 … 2^31 - 1; leading dimensions broadcast with those of ``keys``.
        x: int64 [..., W], columns in the same range.

    Returns:
        float32 [..., H, W].
    """
    if keys.device.type != "cpu" or torch.compiler.is_exporting():
        return tensor_normal(keys, y, x)
    words = (each.numpy().astype(np.uint32) for each in (keys, y, x))
    return torch.from_numpy(_word_normal(*words))


def tensor_normal(keys: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """:func:`keyed_normal` in int64 tensors, on any device; a CPU has a quicker way to the same bits."""
    k0, k1, k2 = (keys[..., word, None, None] for word in range(3))
    row = _mix_((y[..., :, None] ^ k0).bitwise_and_(_MASK))
    column = ((x * _STRIDE) & _MASK)[..., None, :]
    a = _mix_((row + column).bitwise_xor_(k1).bitwise_and_(_MASK))
    b = _mix_((a + k2).bitwise_and_(_MASK))
    total = (a & 0xFFFF).add_(a.bitwise_right_shift_(16)).add_(b & 0xFFFF).add_(b.bitwise_right_shift_(16))
    return total.sub_(_MEAN).to(torch.float32).div_(_STD)


def latents(seeds: Sequence[int], dim: int, *, device: torch.device | str = "cpu") -> Tensor:
    """One latent a seed: float32 [N, dim], nearly unit normal, a function of (seed, index) only.

    Seeds: 0 … 2^63 - 1.
    """
    keys = torch.tensor([key_words("latent", seed) for seed in seeds], dtype=torch.int64, device=device).reshape(-1, 3)
    zero = torch.zeros(1, dtype=torch.int64, device=device)
    return keyed_normal(keys, zero, torch.arange(dim, device=device))[:, 0]


class Noise(Protocol):
    """What a painter draws its noise from."""

    def maps(self, *, layer: int, channels: int, grid: int, size: tuple[int, int], like: Tensor) -> Tensor:
        """Noise for one layer: float32 [N, channels, H, W] for ``size`` (H, W), on ``like``'s device.

        ``grid``: the layer's pixels per low-resolution pixel, so that row r of window n is row ``grid·top[n] + r``.
        """
        ...


@dataclass(frozen=True)
class NoiseField:
    """The noise around N windows: each has its own seed and its own absolute place in its own picture.

    ``steps`` are indices of steps in the chain (not names of stages: a stage applied twice must not repeat its noise).
    ``top`` and ``left`` are the windows' corners in the painter's low-resolution grid.
    """

    seeds: tuple[int, ...]
    steps: tuple[int, ...]
    top: tuple[int, ...]
    left: tuple[int, ...]

    def maps(self, *, layer: int, channels: int, grid: int, size: tuple[int, int], like: Tensor) -> Tensor:
        """Noise for one layer, hashed and drawn at once."""
        told = {layer: channels}
        corners = torch.tensor([self.top, self.left], dtype=torch.int64).T
        field = KeyedField(self.keys(told).to(like.device), corners.to(like.device), told)
        return field.maps(layer=layer, channels=channels, grid=grid, size=size, like=like)

    def keys(self, channels: Mapping[int, int]) -> Tensor:
        """The key of every map of some layers, ``channels`` maps each, in order: int64 [N, sum of channels, 3]."""
        windows = zip(self.seeds, self.steps, strict=True)
        maps = [(layer, channel) for layer, count in channels.items() for channel in range(count)]
        words = [key_words("noise", seed, step, *each) for seed, step in windows for each in maps]
        return torch.tensor(words, dtype=torch.int64).reshape(-1, len(maps), 3)


@dataclass(frozen=True)
class KeyedField:
    """A noise field that was hashed already: nothing but tensors on one device, so that its maps can be recorded.

    ``keys``: int64 [N, sum of channels, 3] for the layers of ``channels``, in ascending order. ``corners``: int64
    [N, 2], the windows' tops and lefts.
    """

    keys: Tensor
    corners: Tensor
    channels: Mapping[int, int]

    def maps(self, *, layer: int, channels: int, grid: int, size: tuple[int, int], like: Tensor) -> Tensor:
        """Noise for one of the layers."""
        first = sum(count for each, count in self.channels.items() if each < layer)
        top, left = self.corners[:, :, None, None].unbind(1)
        y = grid * top + torch.arange(size[0], device=like.device)
        x = grid * left + torch.arange(size[1], device=like.device)
        return keyed_normal(self.keys[:, first : first + channels], y, x)


def _mix_(h: Tensor) -> Tensor:
    """A 32-bit integer hash with good avalanche (the two-multiplier form of Wellons' search), in place."""
    h.bitwise_xor_(h >> 16)
    h.mul_(_FIRST).bitwise_and_(_MASK)
    h.bitwise_xor_(h >> 15)
    h.mul_(_SECOND).bitwise_and_(_MASK)
    return h.bitwise_xor_(h >> 16)


def _word_normal(keys: Words, y: Words, x: Words) -> npt.NDArray[np.float32]:
    """The same function in 32-bit words, some rows at a time: keys [..., 3], y [..., H], x [..., W] -> [..., H, W]."""
    k0, k1, k2 = (keys[..., word, None, None] for word in range(3))
    row = y[..., :, None] ^ k0
    _mix_words(row, np.empty_like(row))
    column = (x * np.uint32(_STRIDE))[..., None, :]
    shape = np.broadcast_shapes(row.shape, column.shape)
    values: npt.NDArray[np.float32] = np.empty(shape, dtype=np.float32)
    rows_at_once = max(1, _AT_ONCE * shape[-2] // max(1, values.size))
    for top in range(0, shape[-2], rows_at_once):
        part = slice(top, top + rows_at_once)
        total = _total((row[..., part, :] + column) ^ k1, k2)
        np.divide(total, np.float32(_STD), out=values[..., part, :], dtype=np.float32, casting="unsafe")
    return values


def _total(a: Words, k2: Words) -> npt.NDArray[np.int32]:
    """The four 16-bit halves of two mixed words, summed, less their mean. ``a`` is used up."""
    scratch = np.empty_like(a)
    _mix_words(a, scratch)
    b = a + k2
    _mix_words(b, scratch)
    total = a & np.uint32(0xFFFF)
    total += np.right_shift(a, 16, out=a)
    total += np.bitwise_and(b, np.uint32(0xFFFF), out=scratch)
    total += np.right_shift(b, 16, out=b)
    signed = total.view(np.int32)
    signed -= _MEAN
    return signed


def _mix_words(h: Words, scratch: Words) -> None:
    """``_mix_`` in words that wrap."""
    for shift, factor in ((16, _FIRST), (15, _SECOND)):
        np.right_shift(h, shift, out=scratch)
        np.bitwise_xor(h, scratch, out=h)
        np.multiply(h, np.uint32(factor), out=h)
    np.right_shift(h, 16, out=scratch)
    np.bitwise_xor(h, scratch, out=h)
