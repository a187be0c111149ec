"""What happened in a simulation: every attempt, every fault, samples of the queues."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from tests.simulator.plan import JobPlan


@dataclass(frozen=True)
class Stint:
    """One attempt at one task. useful_s: the part of its time whose units the ledger took."""

    worker: int
    key: str
    kind: str
    claimed_s: float
    ended_s: float
    units: int
    useful_s: float
    ending: str


@dataclass
class Presence:
    """When a worker was there to work."""

    spans: list[list[float]] = field(default_factory=list)

    def begin(self, now_s: float) -> None:
        self.spans.append([now_s, float("inf")])

    def end(self, now_s: float) -> None:
        if self.spans and self.spans[-1][1] == float("inf"):
            self.spans[-1][1] = now_s

    def seconds(self, until_s: float) -> float:
        return sum(max(0.0, min(hi, until_s) - lo) for lo, hi in self.spans)


@dataclass
class Record:
    """Filled by the workers as they go."""

    stints: list[Stint] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    endings: Counter[str] = field(default_factory=Counter)
    stalls: int = 0
    samples: list[tuple[float, int, int]] = field(default_factory=list)
    """(time, tickets waiting, busy workers)"""
    present: dict[int, Presence] = field(default_factory=dict)
    painted: dict[int, "np.ndarray[tuple[int], np.dtype[np.uint8]]"] = field(default_factory=dict)
    """By job: how often each unit was worked on to its end."""
    last_cut_s: float = 0.0

    def presence(self, worker: int) -> Presence:
        return self.present.setdefault(worker, Presence())

    def opened(self, job_id: int, job: JobPlan) -> None:
        """A job is in: its units were not painted yet."""
        self.painted[job_id] = np.zeros(job.units, np.uint8)

    def paint(self, job_id: int, lo: int, hi: int) -> None:
        """Units lo … hi - 1 were worked on to their end."""
        if hi > lo:
            self.painted[job_id][lo:hi] += 1

    def between(self, from_s: float, to_s: float) -> Iterator[tuple[Stint, float]]:
        """Each stint with its seconds inside the span."""
        for stint in self.stints:
            seconds = min(stint.ended_s, to_s) - max(stint.claimed_s, from_s)
            if seconds > 0:
                yield stint, seconds
