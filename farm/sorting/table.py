"""Measurements as columns of numbers: standardised once for a dataset, so that a fit and a score are sums."""

import itertools
import math
import statistics
from array import array
from collections.abc import Mapping, Sequence
from typing import Any

COLUMNS_MAX = 64
"""More columns than this are not used: those of the most photos are kept."""
NAME_MAX_CHARS = 80
SEEN_BY_AT_LEAST = 0.02
"""A column that fewer photos have says too little."""


class Table:
    """N photos as standardised columns, each array('f') of length N with mean 0 and deviation 1.

    Long tails are drawn in by asinh((x - median) / spread) first: one photo of 10^6 would else outweigh all others.
    Where a photo lacks a number its column says 0, the mean, and a column of its own says that it is missing.
    """

    def __init__(self, numbers: Sequence[Mapping[str, float]]) -> None:
        """numbers: finite numbers by name, a photo each, as `numbers_of` gives them."""
        self.photos = len(numbers)
        columns: dict[str, array[float]] = {}
        for name in _names(numbers):
            raw = [row.get(name) for row in numbers]
            columns[name] = _drawn_in(raw)
            if None in raw:
                columns[f"no {name}"] = array("f", (float(value is None) for value in raw))
        scaled = {name: _standardised(column) for name, column in columns.items()}
        kept = itertools.islice(((n, c) for n, c in scaled.items() if c is not None), COLUMNS_MAX)
        self.columns: dict[str, array[float]] = dict(kept)

    def rows(self, places: Sequence[int]) -> list[list[float]]:
        """The columns at some photos only: [D][len(places)]."""
        return [[column[place] for place in places] for column in self.columns.values()]


def numbers_of(row: Mapping[str, Any]) -> dict[str, float]:
    """The finite numbers of a photo's row: gates' values and details, its native size, and its present verdict."""
    found: dict[str, Any] = {"verdict": row.get("verdict") == "keep", "native_px": row.get("native_px")}
    measurements = row.get("measurements")
    for gate, told in measurements.items() if isinstance(measurements, Mapping) else ():
        if not isinstance(told, Mapping):
            continue
        found[str(gate)[:NAME_MAX_CHARS]] = told.get("value")
        details = told.get("details")
        for name, value in details.items() if isinstance(details, Mapping) else ():
            found[f"{gate}.{name}"[:NAME_MAX_CHARS]] = value
    return {name: number for name, value in found.items() if (number := _number(value)) is not None}


def _number(value: Any) -> float | None:
    if not isinstance(value, bool | int | float) or (isinstance(value, int) and abs(value) > 2**53):
        return None
    return float(value) if math.isfinite(value) else None


def _names(numbers: Sequence[Mapping[str, float]]) -> list[str]:
    """The columns that enough photos have, those of most photos first."""
    counts: dict[str, int] = {}
    for row in numbers:
        for name in row:
            counts[name] = counts.get(name, 0) + 1
    enough = [name for name, count in counts.items() if count >= max(2, SEEN_BY_AT_LEAST * len(numbers))]
    return sorted(enough, key=lambda name: (-counts[name], name))[:COLUMNS_MAX]


def _drawn_in(raw: Sequence[float | None]) -> "array[float]":
    there = sorted(value for value in raw if value is not None)
    middle = there[len(there) // 2]
    quartiles = there[len(there) * 3 // 4] - there[len(there) // 4]
    spread = quartiles / 1.349 or statistics.pstdev(there) or 1.0
    inside = [None if value is None else math.asinh((value - middle) / spread) for value in raw]
    mean = statistics.fmean(value for value in inside if value is not None)
    return array("f", (mean if value is None else value for value in inside))


def _standardised(column: "array[float]") -> "array[float] | None":
    """None where it says the same of every photo."""
    mean = statistics.fmean(column)
    deviation = math.sqrt(statistics.fmean((value - mean) ** 2 for value in column))
    if deviation < 1e-6:
        return None
    return array("f", ((value - mean) / deviation for value in column))
