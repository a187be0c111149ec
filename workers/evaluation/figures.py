"""Every figure of portraits against photos: value, interval, what photos give among themselves, words."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from farm.errors import InvalidInput
from workers.evaluation import kid, mean_figures, nearest_neighbours, sliced_bank
from workers.evaluation.described import Described, check_alike
from workers.evaluation.estimate import Estimate
from workers.evaluation.halves import halves
from workers.evaluation.verdict_figures import Grounds, figure_names, unit_of

ALPHA = 0.05
FEWEST = 20
"""Fewer portraits, or photographed people, and there is no interval worth telling."""

Better = Literal["lower", "higher"]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """value with its 95 % interval [low, high]; null: where 95 % of halves of the photos lie against each other."""

    name: str
    value: float
    interval: tuple[float, float]
    null: tuple[float, float]
    better: Better
    unit: str
    words: str


@dataclass(frozen=True, kw_only=True)
class Figures:
    """All figures, in the order in which a report shows them."""

    figures: tuple[Figure, ...]
    portraits: int
    photos: int
    people: int
    size_px: int
    extractor: str

    def __getitem__(self, name: str) -> Figure:
        return next(figure for figure in self.figures if figure.name == name)

    def told(self) -> dict[str, Any]:
        """The same as plain JSON."""
        rows = [{**asdict(each), "interval": list(each.interval), "null": list(each.null)} for each in self.figures]
        return {**asdict(self), "figures": rows}


def figures_of(portraits: Described, photos: Described, *, alive: Callable[[], None] = lambda: None) -> Figures:
    """Measure portraits against photos. alive: called between figures, for they take minutes where sets are large.

    Raises InvalidInput where the two cannot be compared, or are too few.
    """
    check_alike(portraits, photos)
    people = len(np.unique(photos.clusters))
    if len(portraits) < FEWEST or people < FEWEST:
        told = f"{len(portraits)} portraits and photos of {people} people"
        raise InvalidInput(f"figures need at least {FEWEST} portraits and photos of {FEWEST} people, there are {told}")
    found = []
    for figure in _measured(portraits, Grounds(photos)):
        found.append(figure)
        alive()
    return Figures(
        figures=tuple(found),
        portraits=len(portraits),
        photos=len(photos),
        people=people,
        size_px=portraits.size_px,
        extractor=portraits.extractor,
    )


def _measured(portraits: Described, grounds: Grounds) -> Iterator[Figure]:
    people, splits = grounds.people, halves(grounds.people)
    bank = grounds.scale.apply(portraits.bank)
    yield _figure("kid", kid.estimate(bank, grounds.bank, people), kid.null(grounds.bank, people))
    for name in (*figure_names(portraits.swd.shape[1]), mean_figures.FINE):
        if name != "kid":
            yield _figure(name, mean_figures.estimate(name, portraits, grounds), mean_figures.null(name, grounds))
    yield _figure("sliced_w2", sliced_bank.estimate(bank, grounds.bank, people), sliced_bank.null(grounds.bank, splits))
    neighbours = nearest_neighbours.estimates(bank, grounds.bank, people)
    among_photos = nearest_neighbours.nulls(grounds.bank, splits, people)
    for name, told in neighbours.items():
        yield _figure(name, told, among_photos[name])


def _figure(name: str, told: Estimate, null: NDArray[np.float64]) -> Figure:
    half = told.half_width(ALPHA)
    low, high = np.quantile(null, [ALPHA / 2, 1 - ALPHA / 2])
    least = -np.inf if name == "kid" else 0.0
    return Figure(
        name=name,
        value=float(told.theta),
        interval=(float(max(least, told.theta - half)), float(told.theta + half)),
        null=(float(low), float(high)),
        better="higher" if name in ("coverage", "density") else "lower",
        unit=_unit(name),
        words=_words(name),
    )


def _unit(name: str) -> str:
    own = {"spectrum_fine": "dB", "sliced_w2": "squared distance on scaled features", "coverage": "share of photos"}
    return own[name] if name in own else "of 1" if name == "density" else unit_of(name)


def _words(name: str) -> str:
    return _WORDS["swd" if name.startswith("swd") else name].format(level=name.removeprefix("swd_"))


_WORDS = {
    "kid": "how far the portraits are from the photos in all that the feature bank sees; 0: not to be told apart",
    "swd": "how far small patches are from the photos', pyramid level {level}",
    "spectrum": "how far the power at each detail size is from the photos'",
    "spectrum_fine": "the same in the finest octave alone: blur, noise, checkerboards",
    "frechet": "distance of means and spreads of the photos' main features",
    "colour": "how far brightness, contrast and colours are from the photos'",
    "sliced_w2": "distance of the features' distributions along random directions; sees a poorer variety",
    "density": "how crowded portraits are where photos are; below 1: beside them, above: in their thickest middle",
    "coverage": "share of photos that have a portrait near them; low: kinds of faces are missing",
}
