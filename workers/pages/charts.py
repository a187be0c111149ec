"""Charts as numbers in the units of their drawing; templates/charts.html draws them as SVG."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

WIDTH, HEIGHT = 320.0, 90.0
PLOT_WIDTH, PLOT_HEIGHT = 620.0, 220.0
LEFT, BOTTOM = 56.0, 22.0


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One bar: place, size, and what it says when pointed at."""

    x: float
    y: float
    width: float
    height: float
    told: str


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A line across: where, and its label."""

    at: float
    label: str


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """Bars of counts over values, the ends' labels, and marks (thresholds, stages)."""

    bars: tuple[Bar, ...]
    marks: tuple[Mark, ...]
    ends: tuple[str, str]
    width: float = WIDTH
    height: float = HEIGHT


def histogram(
    values: Sequence[float], *, marks: Sequence[tuple[float, str]] = (), bins: int = 32, log2: bool = False
) -> Histogram:
    """How often which value comes. log2: equal steps are doublings. Marks outside the values widen the axis."""
    axis = np.log2(np.maximum(values, 1e-9)) if log2 else np.asarray(values, dtype=float)
    places = [math.log2(max(at, 1e-9)) if log2 else at for at, _ in marks]
    low, high = float(min([*axis, *places])), float(max([*axis, *places]))
    high = high if high > low else low + 1.0
    counts, edges = np.histogram(axis, bins=bins, range=(low, high))
    scale, top = WIDTH / (high - low), max(1, int(counts.max()))

    def back(place: float) -> float:
        return 2.0**place if log2 else place

    bars = tuple(
        Bar(
            x=(float(left) - low) * scale,
            y=HEIGHT * (1 - math.sqrt(count / top)),  # roots, so that rare values are seen too
            width=max(1.0, (float(right) - float(left)) * scale - 1),
            height=HEIGHT * math.sqrt(count / top),
            told=f"{int(count):,} from {back(float(left)):.4g} to {back(float(right)):.4g}",
        )
        for left, right, count in zip(edges[:-1], edges[1:], counts, strict=True)
        if count
    )
    drawn = tuple(Mark(at=(place - low) * scale, label=label) for place, (_, label) in zip(places, marks, strict=True))
    return Histogram(bars=bars, marks=drawn, ends=(f"{back(low):.4g}", f"{back(high):.4g}"))


@dataclass(frozen=True, kw_only=True)
class Series:
    """One line with its band: SVG points, and a colour's index."""

    name: str
    line: str
    band: str
    dots: tuple[tuple[float, float, str], ...]
    index: int


@dataclass(frozen=True, kw_only=True)
class Plot:
    """Lines over one axis each way, with ticks as (place, label)."""

    series: tuple[Series, ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    width: float = PLOT_WIDTH
    height: float = PLOT_HEIGHT
    left: float = LEFT
    bottom: float = BOTTOM


Point = tuple[float, float, float | None, float | None]
"""x, y, and the ends of y's interval where it has one."""


def plot(lines: Sequence[tuple[str, Sequence[Point]]], *, from_zero: bool = False, log_y: bool = False) -> Plot:
    """Named lines with their intervals on shared axes; points that are not finite are left out.

    log_y: the vertical axis is logarithmic where every value is positive.
    """
    kept = [(name, [p for p in points if math.isfinite(p[0]) and math.isfinite(p[1])]) for name, points in lines]
    xs = [p[0] for _, points in kept for p in points] or [0.0, 1.0]
    ys = [v for _, points in kept for p in points for v in p[1:] if v is not None and math.isfinite(v)] or [0.0, 1.0]
    logged = log_y and min(ys) > 0
    shown = [math.log10(v) for v in ys] if logged else ys
    x_axis = _Axis.over(xs, LEFT, PLOT_WIDTH - 8)
    y_axis = _Axis.over([*shown, 0.0] if from_zero and not logged else shown, PLOT_HEIGHT - BOTTOM, 8)

    def y_at(value: float) -> float:
        return y_axis.at(math.log10(value) if logged else value)

    series = tuple(_series(index, name, points, x_axis, y_at) for index, (name, points) in enumerate(kept))
    y_ticks = tuple((y_axis.at(v), _short(10.0**v if logged else v)) for v in y_axis.ticks())
    return Plot(series=series, x_ticks=tuple((x_axis.at(v), _short(v)) for v in x_axis.ticks()), y_ticks=y_ticks)


def _series(index: int, name: str, points: Sequence[Point], x_axis: "_Axis", y_at: Callable[[float], float]) -> Series:
    line = " ".join(f"{x_axis.at(x):.1f},{y_at(y):.1f}" for x, y, _, _ in points)
    told = [(x, low, high) for x, _, low, high in points if low is not None and high is not None]
    up = [f"{x_axis.at(x):.1f},{y_at(high):.1f}" for x, _, high in told]
    down = [f"{x_axis.at(x):.1f},{y_at(low):.1f}" for x, low, _ in reversed(told)]
    dots = tuple(
        (round(x_axis.at(x), 1), round(y_at(y), 1), f"{name}: {_short(y)} at {_short(x)}") for x, y, _, _ in points
    )
    return Series(name=name, line=line, band=" ".join([*up, *down]), dots=dots, index=index % 6)


@dataclass(frozen=True)
class _Axis:
    low: float
    high: float
    start: float
    end: float

    @classmethod
    def over(cls, values: Sequence[float], start: float, end: float) -> "_Axis":
        low, high = min(values), max(values)
        room = (high - low) * 0.05 or abs(high) * 0.05 or 1.0
        return cls(low - (room if low else 0.0), high + room, start, end)

    def at(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Four or five round values."""
        step = 10.0 ** math.floor(math.log10((self.high - self.low) / 4))
        step *= next(m for m in (1, 2, 5, 10) if (self.high - self.low) / (step * m) <= 5)
        first = math.ceil(self.low / step)
        return [round((first + i) * step, 12) for i in range(6) if (first + i) * step <= self.high]


def _short(value: float) -> str:
    for size, unit in ((1e6, " M"), (1e4, " k")):
        if abs(value) >= size:
            return f"{value / (1e3 if unit == ' k' else size):.4g}{unit}"
    return f"{value:.4g}"
