"""How long work will take, told with an interval: the arithmetic of estimates, without ledger or clock.

Seconds a unit scatter about lognormally from task to task. What comes next is told by their mean and spread so far, as
a prediction from few observations: Student's t in place of the normal quantile, and a spread that few tasks cannot
make smaller than machines are.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from farm.ledger.history import Pace

PRIOR_SPREAD = 0.25
"""Spread of the logarithm of seconds a unit before anything was measured, and it weighs as much as PRIOR_TASKS."""
PRIOR_TASKS = 3.0
NORMAL_95 = 1.645
"""The standard normal's 95 % quantile: 90 % lie between it and its negative."""
SPREAD_A_DOUBLING = 0.35
"""Added for each doubling of the side between what was measured and what is asked for."""
SPREAD_OF_STRANGERS = 0.5
"""Added where only other kinds of device were measured."""


@dataclass(frozen=True)
class Interval:
    """The middle, and bounds between which nine of ten should lie."""

    low: float
    middle: float
    high: float

    def plus(self, seconds: float, *, at_most: float = 0.0) -> "Interval":
        """The same later by `seconds`, by nothing at best and by `at_most` more at worst."""
        return Interval(self.low, self.middle + seconds, self.high + seconds + at_most)


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Seconds a unit of one class of work on one machine, and how far off that may be (of its logarithm)."""

    seconds: float
    spread: float


def about(middle: float, spread: float) -> Interval:
    """The lognormal interval around a middle."""
    factor = math.exp(spread)
    return Interval(middle / factor, middle, middle * factor)


def margin(paces: Sequence[Pace], *, extra: float = 0.0) -> float:
    """How far the logarithm of the next job's seconds a unit may be from what these tasks say, nine times of ten."""
    tasks = sum(pace.tasks for pace in paces)
    units = sum(pace.units for pace in paces)
    seen = sum(pace.units * pace.spread**2 for pace in paces) / units if units else 0.0
    variance = (PRIOR_TASKS * PRIOR_SPREAD**2 + tasks * seen) / (PRIOR_TASKS + tasks)
    freedom = PRIOR_TASKS + tasks - 1
    student = NORMAL_95 * (1 + 1.2 / freedom)
    return student * math.sqrt(variance * (1 + 1 / max(tasks, 1.0)) + extra**2)


def scaled(pace: Pace, *, side_px: int, wanted_px: int) -> Pace:
    """What another size of the same cascade says of this one: by the pixels that are painted."""
    factor = (wanted_px / side_px) ** 2
    return Pace(
        rate_key=pace.rate_key, device=pace.device, tasks=pace.tasks, units=pace.units,
        seconds_a_unit=pace.seconds_a_unit * factor, spread=pace.spread, bytes_a_unit=pace.bytes_a_unit * factor,
    )  # fmt: skip


def farm_rate(seconds_a_unit: Iterable[float], *, units: float) -> float:
    """Units a second of all these workers together; no more of them than there are units, the quickest first."""
    rates = sorted((1 / seconds for seconds in seconds_a_unit if seconds > 0), reverse=True)
    return sum(rates[: max(1, math.ceil(min(units, len(rates))))])


def wall_s(own_s: float, equal_s: Iterable[float], higher_s: Iterable[float]) -> float:
    """Seconds until a job ends that alone would take `own_s`, where jobs of its priority take turns with it.

    Until then each of those has had as much as it, or all it wanted; the more urgent ones come first.
    """
    return own_s + sum(min(own_s, each) for each in equal_s) + sum(higher_s)
