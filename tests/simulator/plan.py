"""What is simulated: the farm, its work, what goes wrong. Rates are relative: 1 paints a unit in the job's unit_s."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

ALL_QUEUES = ("render", "train", "cpu")
UNEQUAL = ((0.6, 1.0), (0.3, 4.0), (0.1, 40.0))
"""(share of the workers, rate): desktop cards, better ones, a few of the largest."""


@dataclass(frozen=True, kw_only=True)
class JobPlan:
    """One job, or one in a chain of jobs of its key.

    unit_s: what a unit takes on a device of rate 1. load_s: before a task's first unit, on a device that paints this
    cascade for the first time or after another. raising: units that raise whenever they are tried; killing: units that
    take the process with them.
    """

    key: str
    kind: str = "render"
    units: int
    unit_s: float
    at_s: float = 0.0
    priority: int = 0
    slice_units: int = 0
    load_s: float = 0.0
    raising: frozenset[int] = frozenset()
    killing: frozenset[int] = frozenset()

    @property
    def work_s(self) -> float:
        """Seconds of a device of rate 1."""
        return self.units * self.unit_s


@dataclass(frozen=True, kw_only=True)
class Faults:
    """What goes wrong, a worker and hour, or a ticket. All zero: nothing does."""

    child_deaths_per_h: float = 0.0
    """The child is killed; its parent starts another, which signs on after `restart_s`."""
    machine_losses_per_h: float = 0.0
    """Power cut: parent and child are gone without a word, and back after `absence_s`."""
    drains_per_h: float = 0.0
    """Stopped politely, back after `absence_s`."""
    stragglers_per_h: float = 0.0
    """The device's rate falls to `straggling` of it, for `straggling_s`."""
    ticket_loss: float = 0.0
    ticket_doubling: float = 0.0
    broker_wipes_per_h: float = 0.0
    """Of the whole farm: Redis forgets everything."""
    restart_s: float = 8.0
    absence_s: float = 300.0
    straggling: float = 0.1
    straggling_s: float = 600.0


@dataclass(frozen=True, kw_only=True)
class Timing:
    """How often workers report, and what the farm adds around the work. Defaults are the farm's settings; the delays
    were measured on real workers (docs/scaling.md)."""

    beat_s: float = 3.0
    tick_s: float = 2.0
    lease_s: float = 30.0
    target_s: float = 60.0
    life_s: float = 7.5
    ticket_s: float = 0.004
    """From a ticket's sending to the claim of a waiting worker."""
    claim_s: float = 0.008
    """From the claim to the first unit."""
    close_s: float = 0.008
    """From the last unit to the next ticket."""
    backstage_s: float = 2.0
    """A task that paints nothing: it writes what a job leaves behind."""


@dataclass(frozen=True, kw_only=True)
class FarmPlan:
    """One simulation, told completely: the same plan is the same run.

    rates: of each worker. tickers: how many of the workers' parents tick; who ticks for nothing reads one row, and
    a large farm's many rows of that kind only take the simulator's time. stagger_s: over how long workers start.
    rows: "full" stores a row a portrait, "fast" moves cursors only.
    """

    rates: Sequence[float]
    jobs: Sequence[JobPlan]
    seed: int = 0
    faults: Faults = Faults()
    timing: Timing = Timing()
    stagger_s: float = 30.0
    tickers: int = 16
    rows: str = "fast"
    horizon_s: float = 7 * 86400.0
    queues: Mapping[int, Sequence[str]] = field(default_factory=dict)
    """Queues of the worker with this index, where not all of them."""

    @property
    def total_rate(self) -> float:
        return sum(self.rates)


def unequal_rates(workers: int, chance: random.Random, table: Sequence[tuple[float, float]] = UNEQUAL) -> list[float]:
    """Rates in the table's shares, in a random order."""
    rates: list[float] = []
    for share, rate in table:
        rates += [rate] * round(share * workers)
    rates = (rates + [table[0][1]] * workers)[:workers]
    chance.shuffle(rates)
    return rates


def lognormal_rates(workers: int, chance: random.Random, sigma: float = 1.0) -> list[float]:
    """Rates whose logarithms are normal: a few very fast, many slow, none equal."""
    return [chance.lognormvariate(0.0, sigma) for _ in range(workers)]
