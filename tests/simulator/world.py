"""What the played workers share: the real ledger and dispatcher, the clock, the events to come, the record."""

import heapq
import itertools
import random
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from farm.dispatch import Dispatcher
from farm.ledger import Ledger
from tests.simulator.broker import Broker
from tests.simulator.clock import VirtualClock
from tests.simulator.plan import FarmPlan, JobPlan
from tests.simulator.record import Record

if TYPE_CHECKING:
    from tests.simulator.worker import SimWorker

Event = Callable[[], None]


class World:
    """One simulation's state, and its loop."""

    def __init__(self, plan: FarmPlan, *, ledger: Ledger, clock: VirtualClock) -> None:
        self.plan, self.ledger, self.clock = plan, ledger, clock
        self.chance = random.Random(plan.seed)
        self.record = Record()
        faults = plan.faults
        self.broker = Broker(
            random.Random(plan.seed + 1),
            loss=faults.ticket_loss,
            doubling=faults.ticket_doubling,
            arrived=self._arrived,
        )
        self.dispatcher = Dispatcher(ledger=ledger, queue=self.broker)
        self.jobs: dict[int, JobPlan] = {}
        self.idle: deque[SimWorker] = deque()
        self.events = 0
        self._heap: list[tuple[float, int, Event]] = []
        self._count = itertools.count()

    @property
    def now_s(self) -> float:
        return self.clock.now_s

    def after(self, seconds: float, event: Event) -> None:
        """Do this so much later."""
        self.at(self.now_s + seconds, event)

    def at(self, time_s: float, event: Event) -> None:
        """Do this then. Events of one moment happen in the order they were told."""
        heapq.heappush(self._heap, (max(time_s, self.now_s), next(self._count), event))

    def run(self, *, until: Callable[[], bool]) -> None:
        """Let time pass until `until` says so, asked after every event; or the horizon is reached."""
        while self._heap and not until():
            time_s, _, event = heapq.heappop(self._heap)
            if time_s > self.plan.horizon_s:
                return
            self.clock.now_s = time_s
            self.events += 1
            event()

    def waits(self, worker: "SimWorker") -> None:
        """It has nothing to do, and listens to its queues."""
        self.idle.append(worker)

    def _arrived(self, queue: str) -> None:
        """Redis gives a ticket to the one that listens longest."""
        for worker in self.idle:
            if queue in worker.queues:
                if self.broker.take(queue):
                    self.idle.remove(worker)
                    self.after(self.plan.timing.ticket_s, worker.served_by(queue))
                return
