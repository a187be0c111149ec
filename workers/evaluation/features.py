"""The describer: pictures in, everything the figures need out. No downloaded weights; code and a digest decide it."""

import contextlib
import functools
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from farm.errors import InvalidInput
from workers.evaluation import bank, lattice, pyramid, sliced, spectrum
from workers.evaluation.described import Described

VERSION = 1
"""Raised whenever a feature changes: features of different versions are never compared."""
SMALLEST_PX, LARGEST_PX = 16, 8192
_PIXELS_AT_ONCE = 256 * 256
_OVERVIEW_PX = 4

_OPPONENT = np.array(
    [[0.299, 0.587, 0.114], [0.7071068, -0.7071068, 0.0], [0.4082483, 0.4082483, -0.8164966]], dtype=np.float32
)

Pictures = NDArray[np.uint8]
Arrays = dict[str, NDArray[np.float32] | NDArray[np.float16]]


@dataclass(frozen=True)
class Describer:
    """Describes square pictures of one size. Raises InvalidInput for a size it cannot."""

    size_px: int

    def __post_init__(self) -> None:
        if not SMALLEST_PX <= self.size_px <= LARGEST_PX:
            raise InvalidInput(f"pictures of {SMALLEST_PX} to {LARGEST_PX} px can be described, not {self.size_px} px")

    @property
    def digest(self) -> str:
        """The extractor's name: sha256 of its weights and constants."""
        return extractor_digest()

    def describe(self, pictures: Pictures, *, names: Sequence[str], clusters: Sequence[int] | None = None) -> Described:
        """`pictures`, uint8 RGB [N, size_px, size_px, 3]. clusters: every picture its own by default."""
        own = np.arange(len(names)) if clusters is None else np.asarray(clusters)
        told = {"names": tuple(names), "clusters": own.astype(np.int64), "size_px": self.size_px}
        return Described(**self.arrays(pictures), **told, extractor=self.digest)  # type: ignore[arg-type]

    def arrays(self, pictures: Pictures) -> Arrays:
        """The arrays of `Described` by name. Raises InvalidInput for pictures of another shape."""
        expected = (self.size_px, self.size_px, 3)
        if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[1:] != expected or not len(pictures):
            told = f"{pictures.dtype} {list(pictures.shape)}"
            raise InvalidInput(f"pictures of uint8 [N, {', '.join(map(str, expected))}] are described, not {told}")
        at_once = max(1, _PIXELS_AT_ONCE // self.size_px**2)
        with _one_thread(), torch.inference_mode():
            parts = [_described(pictures[at : at + at_once]) for at in range(0, len(pictures), at_once)]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


@functools.cache
def extractor_digest() -> str:
    """sha256 over version, constants and weights."""
    told = {
        "version": VERSION,
        "pyramid": [pyramid.COARSEST_PX, pyramid.FIELDS, pyramid.WHOLE_UP_TO_PX, pyramid.TILE_PX],
        "sliced": [sliced.PATCH_PX, sliced.PATCHES, sliced.DIRECTIONS, *map(float, sliced.thresholds())],
        "spectrum": spectrum.MOST_BANDS,
        "opponent": _OPPONENT.tolist(),
    }
    whole = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    for weights in (bank.first_weights(), bank.second_weights()):
        whole.update(weights.numpy().tobytes())
    return whole.hexdigest()


def _described(pictures: Pictures) -> Arrays:
    levels = [pyramid.gaussian(picture) for picture in pictures]
    details = [pyramid.laplacian(each) for each in levels]
    opponents = [_opponent(np.stack(level)) for level in zip(*levels, strict=True)]
    luma = opponents[0][:, 0].numpy()
    powers = spectrum.log_spectrum(luma)
    return {
        "bank": _bank(opponents, lattice.lattice_powers(luma), powers),
        "swd": np.stack([[sliced.curves(each, place=at) for at, each in enumerate(detail)] for detail in details]),
        "spectrum": powers,
        "colour": colour_moments(pictures),
    }


def _opponent(level: NDArray[np.float32]) -> torch.Tensor:
    """Luma and two colour differences of RGB: [N, s, s, 3] -> [N, 3, s, s]."""
    planes = [np.moveaxis(cv2.transform(picture, _OPPONENT), 2, 0) for picture in level]
    return torch.from_numpy(np.ascontiguousarray(planes))


def _bank(
    opponents: list[torch.Tensor], lattices: NDArray[np.float32], powers: NDArray[np.float32]
) -> NDArray[np.float32]:
    """All features: overall contrast, each level's against it, each level's own, lattices, overview of the picture."""
    levels = [bank.level_features(planes) for planes in opponents]
    energies = torch.stack([level.log_energy for level in levels], dim=1).numpy()
    contrast = energies.mean(axis=1, keepdims=True)
    overview = torch.nn.functional.adaptive_avg_pool2d(opponents[-1], _OVERVIEW_PX).flatten(1).numpy()
    bend = powers[:, 2:] - 2 * powers[:, 1:-1] + powers[:, :-2]
    parts = [contrast, energies - contrast, *(level.relative.numpy() for level in levels)]
    return np.concatenate([*parts, lattices - energies[:, :1], bend, overview], axis=1, dtype=np.float32)


def colour_moments(pictures: Pictures) -> NDArray[np.float32]:
    """Mean of R, G, B; mean of RR, GG, BB, RG, RB, GB; luma's 1, 25, 50, 75, 99 % points: [N, 14], 8-bit levels."""
    rows = pictures.astype(np.float32)
    products = (rows.swapaxes(2, 3) @ rows).sum(axis=1, dtype=np.float64) / pictures[0, :, :, 0].size
    means = rows.mean(axis=2).mean(axis=1, dtype=np.float64)
    points = np.array([_luma_points(picture) for picture in pictures])
    which = [0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]
    return np.concatenate([means, products[:, which[0], which[1]], points], axis=1, dtype=np.float32)


def _luma_points(picture: Pictures) -> NDArray[np.int64]:
    counts = np.bincount(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).ravel(), minlength=256).cumsum()
    return np.asarray(np.searchsorted(counts, np.array([0.01, 0.25, 0.5, 0.75, 0.99]) * counts[-1]), dtype=np.int64)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Sums in one order whatever the machine: features should not depend on how many cores described them."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
