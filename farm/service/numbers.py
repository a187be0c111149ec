"""What the farm counts of itself, for Prometheus: asked at most every few seconds, however often it is read."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from farm.errors import Unavailable
from farm.ledger import Ledger
from farm.ledger.counting import Counts
from farm.ledger.rows import Demand
from farm.queue import TicketQueue
from farm.service.unset_queue import UnsetQueue
from farm.specs.kinds import QUEUES
from farm.storage import Storage
from farm.storage.watched import WatchedStorage

FRESH_S = 5.0
"""A reading is given out again for so long: many scrapers cost the ledger no more than one."""


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """One reading. What could not be asked is missing, and its service is out."""

    counts: Counts | None
    demand: tuple[Demand, ...]
    tickets: Mapping[str, int]
    out: Mapping[str, bool]
    """By service: ledger, queue, storage."""


class Census:
    """Reads the farm's numbers. Threads may share it."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        queue: TicketQueue | UnsetQueue,
        storage: Storage,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger, self._queue, self._storage, self._clock = ledger, queue, storage, clock
        self._lock = threading.Lock()
        self._read_s = float("-inf")
        self._last: Numbers | None = None

    def read(self) -> Numbers:
        """The farm as it is, or was a few seconds ago. An outage is one of the numbers: it raises nothing."""
        with self._lock:
            if self._last is None or self._clock() - self._read_s > FRESH_S:
                self._last = self._ask()
                self._read_s = self._clock()
            return self._last

    def _ask(self) -> Numbers:
        counts, demand = None, []
        tickets: dict[str, int] = {}
        out = {"ledger": False, "queue": False, "storage": self._storage_is_out()}
        try:
            counts, demand = self._ledger.counts(), self._ledger.demand()
        except Unavailable:
            out["ledger"] = True
        try:
            tickets.update({queue: self._queue.waiting(queue) for queue in QUEUES})
        except Unavailable:
            out["queue"] = True
        return Numbers(counts=counts, demand=tuple(demand), tickets=tickets, out=out)

    def _storage_is_out(self) -> bool:
        """As this process knows it: asking a storage that hangs would take longer than a scraper waits."""
        return isinstance(self._storage, WatchedStorage) and self._storage.outage.lasts
