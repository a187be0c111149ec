"""The beat thread: renews the lease, carries what is settled into the ledger, brings back steal, cancel and drain."""

import logging
import os
import threading
from collections.abc import Callable
from contextvars import copy_context
from types import TracebackType

from farm.errors import FarmError, Unavailable
from farm.ledger import Ledger
from workers.lifecycle.assignment import Assignment, StopReason
from workers.lifecycle.meter import Meter

_log = logging.getLogger(__name__)

LEAVE_S = 10.0
"""What a handler gets to return once its lease is gone, or as long as it may stall where that is less; then the process
leaves, whatever it is stuck in."""
EXIT_CODE = 70
"""EX_SOFTWARE: the child left by itself; Celery starts another."""


def leave_process() -> None:
    """End this process at once: no handler, no thread, no C call can hold it."""
    _log.error("the work did not end with its lease: this process leaves")
    os._exit(EXIT_CODE)


class Beat:
    """Runs beside one assignment, as a context manager. It ends with the assignment's last write still to do."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        assignment: Assignment,
        beat_s: float,
        stall_s: float,
        leave: Callable[[], None] = leave_process,
        meter: Meter | None = None,
    ) -> None:
        self._meter = meter or Meter()
        self._ledger, self._assignment = ledger, assignment
        self._beat_s, self._stall_s = beat_s, stall_s
        self._leave = leave
        self._leaving: threading.Timer | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=copy_context().run, args=(self._run,), name="beat", daemon=True)

    def __enter__(self) -> "Beat":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        if self._leaving is not None:
            self._leaving.cancel()

    def _run(self) -> None:
        while not self._ended.wait(self._beat_s):
            if self._assignment.idle_s > self._stall_s:
                self._give_up()
            if not self._assignment.may_write:
                self._leave_soon()
                return
            self._beat()

    def _beat(self) -> None:
        claim, progress = self._assignment.claim, self._assignment.take()
        try:
            reply = self._ledger.beat(claim.task_id, claim.attempt, progress)
        except FarmError as error:
            self._assignment.put_back(progress)
            self._meter.beat(taken=False)
            # The ledger tells its own outage, once for the whole process.
            _log.log(logging.DEBUG if isinstance(error, Unavailable) else logging.WARNING, "the beat waits: %s", error)
            return
        if reply.give_back and not self._assignment.stop:
            _log.info("the rest goes back at the next unit: %s", reply.give_back)
        self._assignment.accept(reply)
        self._meter.beat(taken=reply.owned)
        if not reply.owned:
            _log.warning("the lease is lost: another attempt owns this task, and nothing more of this one is written")

    def _give_up(self) -> None:
        """Record the stall as a failure of this attempt: unlike an expired lease, that says what happened."""
        claim, message = self._assignment.claim, f"no progress for {self._stall_s:g} s"
        _log.error("%s: this attempt is given up", message)
        progress = self._assignment.take()
        self._assignment.halt(StopReason.STALLED)
        try:
            self._ledger.fail(claim.task_id, claim.attempt, progress, message)
        except FarmError as error:
            _log.warning("the lease runs out instead: %s", error.message)

    def _leave_soon(self) -> None:
        self._leaving = threading.Timer(min(LEAVE_S, self._stall_s), copy_context().run, (self._leave,))
        self._leaving.daemon = True
        self._leaving.start()
