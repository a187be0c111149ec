"""Which figures a verdict looks at, what each is measured in, and which decide: fixed before anything is compared."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from workers.evaluation import sliced
from workers.evaluation.bootstrap import Distance, Pool, relative_distance
from workers.evaluation.clusters import numbered
from workers.evaluation.described import Described
from workers.evaluation.estimate import Array, Estimate
from workers.evaluation.relative_mmd import (
    KernelSums,
    People,
    kernel_sums,
    linear_own_sums,
    linear_sums,
    own_sums,
    relative_mmd,
)
from workers.evaluation.scale_noise import scale_gradient, scale_moves
from workers.evaluation.scaling import Scale

Kind = Literal["base", "upscaler"]
PRIMARY: Mapping[Kind, tuple[str, ...]] = {"base": ("kid",), "upscaler": ("swd_finest", "spectrum")}
"""What decides. A base paints what is in the picture, an upscaler its finest detail."""

UNITS: Mapping[str, str] = {
    "kid": "squared kernel distance",
    "swd_finest": "8-bit levels, squared form",
    "spectrum": "photos' variances",
    "swd": "8-bit levels",
    "frechet": "squared distance on scaled features",
    "colour": "photos' standard deviations",
}
COMPONENTS = 32
"""Principal components of the photos on which the Fréchet distance looks."""
BY_ROW_SUMS = ("kid", "swd_finest", "spectrum")
"""Squared distances: linear in the photos, unbiased, with an exact jackknife. Only such figures decide."""
_FLOOR = 1e-6


@dataclass(frozen=True)
class Grounds:
    """The photos, as every figure needs them, computed once for all comparisons with them."""

    photos: Described

    @functools.cached_property
    def people(self) -> NDArray[np.int64]:
        return numbered(self.photos.clusters)

    def people_of(self, figure: str) -> People:
        """Who is in the photos, and for the bank what they do to its scale."""
        return People(self.people, self._scale_moves) if figure == "kid" else People(self.people)

    @functools.cached_property
    def _scale_moves(self) -> Array:
        return scale_moves(self.photos.bank, self.scale, self.people)

    @functools.cached_property
    def scale(self) -> Scale:
        return Scale.of(self.photos.bank)

    @functools.cached_property
    def bank(self) -> NDArray[np.float32]:
        return self.scale.apply(self.photos.bank)

    @functools.cached_property
    def components(self) -> NDArray[np.float32]:
        """The photos' first principal directions, [D, at most COMPONENTS]."""
        centred = self.bank - self.bank.mean(axis=0)
        directions = np.linalg.svd(centred, full_matrices=False)[2]
        return np.asarray(directions[:COMPONENTS].T, dtype=np.float32)

    def own(self, figure: str) -> Array:
        """Row sums of the photos among themselves, of a figure of BY_ROW_SUMS."""
        if figure == "kid":
            return own_sums(self.bank)
        return linear_own_sums(self.values(figure, self.photos))

    def sums(self, figure: str, portraits: Described) -> KernelSums:
        """Row sums of portraits, of a figure of BY_ROW_SUMS."""
        if figure == "kid":
            scaled = self.scale.apply(portraits.bank)
            return replace(kernel_sums(scaled, self.bank), by_scale=scale_gradient(scaled, self.bank))
        return linear_sums(self.values(figure, portraits), self.values(figure, self.photos))

    def pool(self, figure: str, pictures: Described) -> Pool:
        """What of the pictures any other figure averages, by cluster."""
        return Pool.of(self.values(figure, pictures), numbered(pictures.clusters))

    def values(self, figure: str, pictures: Described) -> NDArray[np.float32]:
        """What a figure averages over pictures, float32 [N, Q]."""
        if figure.startswith("swd"):
            curves = pictures.swd[:, level_of(figure)].astype(np.float32)
            if figure == "swd_finest":
                curves *= root_widths()
            return curves.reshape(len(pictures), -1)
        if figure == "frechet":
            return moments(self.scale.apply(pictures.bank) @ self.components)
        own, of_photos = (getattr(each, figure) for each in (pictures, self.photos))
        scaled = own / np.maximum(of_photos.std(axis=0), _FLOOR)
        # The root makes the squared distance a mean over bands.
        return np.asarray(scaled / np.sqrt(own.shape[1]) if figure == "spectrum" else scaled, dtype=np.float32)


def figure_names(levels: int) -> tuple[str, ...]:
    """Every figure of pictures with so many pyramid levels."""
    return (*BY_ROW_SUMS, *(f"swd_{level}" for level in range(levels)), "frechet", "colour")


def unit_of(figure: str) -> str:
    """What a figure is measured in."""
    return UNITS[figure] if figure in UNITS else UNITS[figure.split("_", maxsplit=1)[0]]


@functools.cache
def root_widths() -> NDArray[np.float32]:
    """Square roots of a trapezoid rule's weights over the thresholds and of one over the directions, [thresholds].

    Squared distances of curves times these are the mean over directions of ∫ (F − G)² dt: Cramér's distance, half the
    energy distance (Székely 2002), of the patches' projections.
    """
    at = sliced.thresholds().astype(np.float64)
    gaps = np.diff(at)
    widths = (np.append(gaps, 0.0) + np.append(0.0, gaps)) / 2
    return np.asarray(np.sqrt(widths / sliced.DIRECTIONS), dtype=np.float32)


def level_of(figure: str) -> int:
    """The pyramid level of `swd_finest`, `swd_0`, `swd_1`, …; 0 is the finest."""
    name = figure.removeprefix("swd_")
    return 0 if name == "finest" else int(name)


def measured(figure: str, a: Described, b: Described, grounds: Grounds, *, paired: bool) -> Estimate:
    """θ of one figure, positive where B is nearer the photos."""
    if figure in BY_ROW_SUMS:
        sums = grounds.sums(figure, a), grounds.sums(figure, b)
        return relative_mmd(*sums, grounds.people_of(figure), paired=paired, photos_own=grounds.own(figure))
    pool_a, pool_b, pool_r = (grounds.pool(figure, each) for each in (a, b, grounds.photos))
    return relative_distance(pool_a, pool_b, pool_r, distance_of(figure), paired=paired)


def distance_of(figure: str) -> Distance:
    """Between means of what `Grounds.pool` averages."""
    if figure.startswith("swd"):
        return _sliced
    return _frechet if figure == "frechet" else _root_mean_square


def moments(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each picture's values and all their products, [N, K] -> [N, K + K²]."""
    products = values[:, :, None] * values[:, None, :]
    return np.concatenate([values, products.reshape(len(values), -1)], axis=1)


def _sliced(one: Array, other: Array) -> Array:
    def shaped(means: Array) -> Array:
        return means.reshape(*means.shape[:-1], sliced.DIRECTIONS, -1)

    return sliced.distances(shaped(one), shaped(other))


def _root_mean_square(one: Array, other: Array) -> Array:
    return np.asarray(np.sqrt(np.mean((one - other) ** 2, axis=-1)))


def _frechet(one: Array, other: Array) -> Array:
    """|μ − μ′|² + tr(S + S′ − 2 (S S′)^½) (Fréchet 1957; Heusel et al. 2017), from moments [..., K + K²]."""
    mean, spread = _mean_and_spread(one)
    mean_r, spread_r = _mean_and_spread(other)
    values, vectors = np.linalg.eigh(spread_r)
    root = (vectors * np.sqrt(np.maximum(values, 0))[..., None, :]) @ np.swapaxes(vectors, -1, -2)
    crossed = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ spread @ root), 0)).sum(axis=-1)
    traces = np.trace(spread, axis1=-2, axis2=-1) + np.trace(spread_r, axis1=-2, axis2=-1)
    return np.asarray(np.sum((mean - mean_r) ** 2, axis=-1) + traces - 2 * crossed)


def _mean_and_spread(means: Array) -> tuple[Array, Array]:
    size = int((np.sqrt(4 * means.shape[-1] + 1) - 1) / 2)
    mean = means[..., :size]
    products = means[..., size:].reshape(*means.shape[:-1], size, size)
    return mean, products - mean[..., :, None] * mean[..., None, :]
