"""Tickets in lists, as Redis keeps them; some get lost on the way, some arrive twice."""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class TicketCounts:
    """What became of the tickets, by queue."""

    sent: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    doubled: Counter[str] = field(default_factory=Counter)
    taken: Counter[str] = field(default_factory=Counter)
    wasted: Counter[str] = field(default_factory=Counter)
    """Taken by a worker that then found nothing to claim."""
    longest: Counter[str] = field(default_factory=Counter)
    """The longest that the list ever was."""


class Broker:
    """`farm.dispatch.Tickets`, and the list's other end. arrived: called with the queue after a ticket came in."""

    def __init__(self, chance: random.Random, *, loss: float, doubling: float, arrived: Callable[[str], None]) -> None:
        """loss, doubling: the probability of either, a ticket."""
        self.counts = TicketCounts()
        self._chance, self._loss, self._doubling, self._arrived = chance, loss, doubling, arrived
        self._waiting: Counter[str] = Counter()

    def waiting(self, queue: str) -> int:
        return self._waiting[queue]

    def send(self, queue: str, count: int) -> None:
        for _ in range(count):
            self.counts.sent[queue] += 1
            if self._chance.random() < self._loss:
                self.counts.lost[queue] += 1
                continue
            twice = self._chance.random() < self._doubling
            self.counts.doubled[queue] += twice
            self._waiting[queue] += 1 + twice
            self._arrived(queue)
        self.counts.longest[queue] = max(self.counts.longest[queue], self._waiting[queue])

    def take(self, queue: str) -> bool:
        """One ticket for a worker that asks; False where none waits."""
        if not self._waiting[queue]:
            return False
        self._waiting[queue] -= 1
        self.counts.taken[queue] += 1
        return True

    def wipe(self) -> int:
        """All waiting tickets are gone, as after a Redis that was restarted. Returns how many they were."""
        gone = self._waiting.total()
        self._waiting.clear()
        return gone
