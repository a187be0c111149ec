"""One claimed task on a played device: which unit it is at, at any time, and when it will end."""

import math
from dataclasses import dataclass, field

from farm.ledger import BeatReply, Claim, FailedUnit
from farm.specs.kinds import SEQUENTIAL_KINDS
from tests.simulator.plan import JobPlan

NEARLY = 1e-6
"""Of a unit: times are sums of many parts, and a unit that ends now has ended."""


@dataclass
class Attempt:
    """As workers.lifecycle.Assignment, with the work computed instead of done.

    unit_s: what a unit takes now. began_s: when its first unit begins. stop_at_s: by when it gives back what is left,
    whatever the reason; the unit it is at then is ended first.
    """

    claim: Claim
    job: JobPlan
    claimed_s: float
    began_s: float
    unit_s: float
    stop_at_s: float = math.inf
    hi: int = 0
    owned: bool = True
    told: int = 0
    """The cursor as the ledger knows it."""
    failures_told: int = 0
    _from: float = 0.0
    _from_s: float = 0.0
    _rated: int = 0
    _rated_s: float = 0.0
    raising: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.hi, self.told, self._from, self._from_s = (
            self.claim.hi, self.claim.cursor, float(self.claim.cursor), self.began_s,
        )  # fmt: skip
        self._rated, self._rated_s = self.claim.cursor, self.began_s
        if self.paints:
            self.raising = sorted(unit for unit in self.job.raising if self.claim.cursor <= unit < self.claim.hi)

    @property
    def paints(self) -> bool:
        """False for tasks behind the stage: they take a fixed time and settle everything at once."""
        return self.claim.kind == self.job.kind

    @property
    def sequential(self) -> bool:
        return self.claim.kind in SEQUENTIAL_KINDS

    def position(self, now_s: float) -> float:
        """In units, with the part of the one that is being worked on."""
        if now_s <= self._from_s:
            return self._from
        return min(float(self.hi), self._from + (now_s - self._from_s) / self.unit_s)

    def cursor(self, now_s: float) -> int:
        """The first unit that is not settled."""
        return max(self.claim.cursor, min(self.hi, math.floor(self.position(now_s) + NEARLY)))

    def time_of(self, position: float) -> float:
        """When that position is reached at the present rate."""
        return self._from_s + max(0.0, position - self._from) * self.unit_s

    def go_at(self, unit_s: float, now_s: float) -> None:
        """The device's rate changes; what is done of the unit at hand counts."""
        self._from, self._from_s, self.unit_s = self.position(now_s), max(now_s, self._from_s), unit_s

    def measured(self, now_s: float) -> tuple[float | None, float | None]:
        """Units a second since this was last told, and over how long, as a worker measures it."""
        units, seconds = self.cursor(now_s) - self._rated, now_s - self._rated_s
        if not self.paints or units <= 0 or seconds <= 0:
            return None, None
        self._rated, self._rated_s = self.cursor(now_s), now_s
        return units / seconds, seconds

    def ends_s(self) -> float:
        """When the worker's next word about it is due: all is done, or the rest goes back."""
        end_s = self.time_of(self.hi)
        if self.sequential or self.stop_at_s >= end_s:
            return end_s
        boundary = math.ceil(self.position(max(self.stop_at_s, self._from_s)) - NEARLY)
        return max(self.stop_at_s, self.time_of(max(boundary, self.claim.cursor + 1)))

    def dies_s(self) -> float:
        """When it comes to a unit that takes the process with it; infinite where there is none."""
        deadly = [unit for unit in self.job.killing if self.claim.cursor <= unit < self.hi] if self.paints else []
        return self.time_of(min(deadly)) + self.unit_s / 2 if deadly else math.inf

    def newly_raised(self, now_s: float) -> tuple[FailedUnit, ...]:
        """Units that raised since this was last asked."""
        here = self.cursor(now_s)
        passed = [unit for unit in self.raising if unit < here]
        new = passed[self.failures_told :]
        self.failures_told = len(passed)
        return tuple(FailedUnit(unit=unit, error=f"unit {unit} is bad") for unit in new)

    def accept(self, reply: BeatReply, now_s: float) -> None:
        """What a beat brought back."""
        self.owned = reply.owned
        if not reply.owned:
            return
        self.hi = min(self.hi, max(reply.hi, self.cursor(now_s)))
        if reply.stop or reply.give_back:
            self.stop_at_s = min(self.stop_at_s, now_s)
