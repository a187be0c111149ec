"""A service that goes away is told in one line, and so is its return, however many requests are refused in between.

Each edge of the farm (ledger, storage, queue) holds one `Outage` a process and tells it what became of each request.
Everybody behind the edge just waits and tries again, and need not say so.
"""

import logging
import threading
import time
from collections.abc import Callable

_log = logging.getLogger(__name__)

QUIET_S = 15.0
"""With no refusal for so long, the next answer ends an outage; longer than the pauses between tries."""
ENOUGH_ANSWERS = 50
"""So many answers in a row end it at once. A server that refuses 30 % of requests gives them by chance once in fifty
million times."""


class Outage:
    """What one process knows of one service. Threads may share it.

    service: as a person calls it ("the storage"). enough: answers in a row that end an outage: 1 for what is wholly
    there or wholly gone.
    """

    def __init__(
        self, service: str, *, enough: int = ENOUGH_ANSWERS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._service, self._enough, self._clock = service, enough, clock
        self._lock = threading.Lock()
        self._since_s: float | None = None
        self._last_s = 0.0
        self._refused = self._answers = 0
        self._writing = False
        self.refusals = 0
        """Refused requests since the process began."""
        self.last_words = ""
        """What the last of them said."""

    @property
    def lasts(self) -> bool:
        """True between the line of its beginning and the line of its end."""
        return self._since_s is not None

    def refused(self, why: str, *, writing: bool = False) -> None:
        """A request was refused, or got no answer. writing: reads that succeed will not end this outage."""
        with self._lock:
            begins = self._since_s is None
            now_s = self._clock()
            if begins:
                self._since_s, self._refused, self._writing = now_s, 0, False
            self._last_s = now_s
            self._writing = self._writing or writing
            self._answers = 0
            self._refused += 1
            self.refusals += 1
            self.last_words = why
        if begins:
            _log.warning("%s is out: %s; what needs it waits, and goes on by itself", self._service, why)

    def answered(self, *, writing: bool = False) -> None:
        """A request was answered as it should be."""
        if self._since_s is None:
            return
        with self._lock:
            if self._since_s is None or (self._writing and not writing):
                return
            self._answers += 1
            if self._answers < self._enough and self._clock() - self._last_s < QUIET_S:
                return
            lasted_s, refused = self._last_s - self._since_s, self._refused
            self._since_s = None
        _log.warning("%s answers again: out for %.0f s, %d requests refused", self._service, lasted_s, refused)
