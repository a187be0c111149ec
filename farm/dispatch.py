"""Ledger → queue: the nudge that sends tickets for work that free workers could do, and the tick that repairs.

The tick runs in every worker parent and API process, one at a time by the ledger's lock, so that no process's absence
stops the farm.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from farm import logs
from farm.errors import QueueUnavailable, Unavailable
from farm.ledger import Ledger
from farm.ledger.rows import Demand
from farm.ledger.states import TaskState
from farm.outages import Outage

_log = logging.getLogger(__name__)

SPACING = 0.9
"""Of `tick_s`: sooner after another process's tick nobody ticks again. Less than 1, so that a lone ticker is never
early for itself."""


class Tickets(Protocol):
    """What the dispatcher asks of the queue (farm.queue.TicketQueue)."""

    def waiting(self, queue: str) -> int: ...

    def send(self, queue: str, count: int) -> None: ...


def tickets_wanted(demand: Demand, *, waiting: int) -> int:
    """Tickets to send: one for each free slot that has work, one to spare, less those waiting; none without work.

    The spare ticket waits at the door of a busy worker, so that it goes from task to task without a pause.
    """
    if demand.claimable <= 0:
        return 0
    return max(0, min(demand.claimable, max(0, demand.free_slots)) + 1 - waiting)


class Dispatcher:
    """Keeps each queue's tickets as many as the ledger has work for."""

    def __init__(self, *, ledger: Ledger, queue: Tickets) -> None:
        self._ledger, self._queue = ledger, queue
        self._outage = Outage("the queue", enough=1)

    def nudge(self) -> Mapping[str, int]:
        """Send tickets for what could be claimed now; call it after every commit that made work.

        Answers the tickets sent, by queue. Never raises for an outage, which is told once: a later tick sends what is
        missing.
        """
        sent: dict[str, int] = {}
        try:
            for demand in self._ledger.demand():
                sent[demand.queue] = self._send(demand)
            self._outage.answered()
        except QueueUnavailable as error:
            self._outage.refused(error.message)
        except Unavailable:
            _log.debug("no nudge: the ledger, which tells its outages itself, is away")
        return sent

    def tick(self, *, every_s: float = 0.0) -> bool:
        """Reap expired leases, then nudge, unless another process is doing so or did within `every_s`. True if this
        call did it.

        Raises LedgerUnavailable.
        """
        with self._ledger.tick_lock(every_s=every_s) as mine:
            if not mine:
                return False
            for task in self._ledger.reap():
                what = "pending again" if task.state is TaskState.PENDING else f"it is {task.state}"
                with logs.about(job=task.job_id, task=task.id):
                    _log.warning("its worker fell silent, loss %d: %s", task.losses, what)
            self.nudge()
        return True

    def _send(self, demand: Demand) -> int:
        if demand.claimable <= 0:
            return 0
        waiting = self._queue.waiting(demand.queue)
        wanted = tickets_wanted(demand, waiting=waiting)
        if wanted:
            self._queue.send(demand.queue, wanted)
            _log.info(
                "queue=%s tickets=%d claimable=%d free=%d waiting=%d",
                *(demand.queue, wanted, demand.claimable, demand.free_slots, waiting),
            )
        return wanted


class Ticker:
    """The thread that ticks. It outlives every outage; who is away is told where it is asked."""

    def __init__(self, *, dispatcher: Dispatcher, tick_s: float, also: Sequence[Callable[[], object]] = ()) -> None:
        """`also` are called on every tick as well, e.g. a worker's sign of life."""
        self._dispatcher, self._tick_s, self._also = dispatcher, tick_s, tuple(also)
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="tick", daemon=True)

    def start(self) -> None:
        """Begin to tick, at once and then every `tick_s`."""
        self._thread.start()

    def wake(self) -> None:
        """Tick now. Safe in a signal handler: it only sets a flag."""
        self._wake.set()

    def stop(self, *, timeout_s: float = 5.0) -> None:
        """End the thread, after the tick it is in."""
        self._stopping.set()
        self._wake.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._tick()
            self._wake.wait(self._tick_s)
            self._wake.clear()

    def _dispatch(self) -> None:
        self._dispatcher.tick(every_s=SPACING * self._tick_s)

    def _tick(self) -> None:
        for step in (*self._also, self._dispatch):
            try:
                step()
            except Unavailable as error:
                _log.debug("the tick waits: %s", error.message)
                return
            except Exception:  # noqa: BLE001 - the tick is what repairs everything else: it tells what broke and goes on
                _log.exception("the tick failed; the next one tries again")
                return
