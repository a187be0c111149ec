"""What one attempt says: gathered from the process's log while it lasts, for the beat to carry into the ledger."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from farm import logs
from farm.ledger.rows import Claim, Said

LIMIT_BYTES = 64_000
"""What the ledger keeps of one attempt."""
FOR_ERRORS_BYTES = 16_000
"""The end of it, kept free for errors: what went wrong is worth more than how it began."""
LINE_CHARS = 8_000
"""One record, its traceback included; of a longer one the middle is left out."""
OVERHEAD_BYTES = 64
"""What a line costs besides its text."""


@dataclass(frozen=True)
class _Line:
    seq: int
    at_s: float
    level: str
    text: str


class TaskLog(logging.Handler):
    """A handler of the root logger for as long as its context lasts. Safe to use from several threads.

    It takes what is said at INFO and above about its task, and what is said about nothing in particular: one process
    works on one task, and libraries' threads know of none.
    """

    def __init__(self, claim: Claim, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(logging.INFO)
        self._of, self._clock = (claim.task_id, claim.attempt), clock
        self._own = threading.Lock()
        self._seq, self._bytes, self._full = 0, 0, False
        self._lines: list[_Line] = []
        self._taken: list[_Line] = []

    def __enter__(self) -> "TaskLog":
        logging.getLogger().addHandler(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        logging.getLogger().removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record where it belongs here and there is room."""
        known = logs.ids()
        if (known.get("task", self._of[0]), known.get("attempt", self._of[1])) != self._of:
            return
        trace = logs.trace_of(record)
        text = _clipped(logs.message_of(record) + (f"\n{trace}" if trace else ""))
        with self._own:
            self._keep(record.levelname.lower(), text)

    def take(self) -> tuple[Said, ...]:
        """What was said since the last `take`."""
        with self._own:
            self._taken, self._lines = self._lines, []
            now_s = self._clock()
            return tuple(
                Said(seq=line.seq, ago_s=max(0.0, now_s - line.at_s), level=line.level, text=line.text)
                for line in self._taken
            )

    def put_back(self) -> None:
        """The ledger did not take it: it goes with the next beat."""
        with self._own:
            self._lines[:0] = self._taken
            self._taken = []

    def _keep(self, level: str, text: str) -> None:
        cost = len(text.encode()) + OVERHEAD_BYTES
        room = LIMIT_BYTES - self._bytes - (0 if level in ("error", "critical") else FOR_ERRORS_BYTES)
        if cost > room:
            if self._full:
                return
            level, text, self._full = "warning", "more was said; the worker's own log has it", True
        self._bytes += cost if cost <= room else 0
        self._lines.append(_Line(self._seq, self._clock(), level, text))
        self._seq += 1


def _clipped(text: str) -> str:
    if len(text) <= LINE_CHARS:
        return text
    half = LINE_CHARS // 2
    return f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"
