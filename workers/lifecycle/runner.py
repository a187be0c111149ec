"""Claim, work, close: what every ticket does, whatever kind of work it finds."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from prometheus_client.registry import Collector

from farm import logs
from farm.dispatch import Dispatcher
from farm.errors import FarmError, LeaseLost, LedgerUnavailable, OutOfMemory, Unavailable, WorkFailed
from farm.ledger import Ledger
from farm.ledger.rows import Claim, Outcome
from farm.settings import Settings
from workers.lifecycle.assignment import Assignment, StopReason
from workers.lifecycle.beat import Beat, leave_process
from workers.lifecycle.meter import Ending, Meter
from workers.lifecycle.task_log import TaskLog

_log = logging.getLogger(__name__)

Written = TypeVar("Written")

Handler = Callable[[Assignment], Outcome | None]
"""Does the work of one assignment: settles its units in order until `hi` or until `stop`, and returns what the ledger
keeps of it. An error it raises fails the attempt; Unavailable gives the work back without counting anything."""

OUTAGE_PAUSE_S = 5.0
"""How long a worker whose storage refuses keeps its claim before it gives it back."""
LEDGER_RETRY_S = 1.0
BUDGET_IN_TARGETS = 2.0
"""A task is given back when it lasted so many times as long as tasks should."""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What a worker process prepared before its first claim: its handlers by kind, its device, its render class."""

    handlers: Mapping[str, Handler]
    device: str
    render_class: str
    memory_bytes: int | None = None
    """Of its device, or what it may use of it."""
    collectors: tuple[Collector, ...] = ()
    """Numbers of its handlers, for Prometheus."""


@dataclass(frozen=True)
class Post:
    """Whose tickets these are: the worker's name in the ledger and the queues it serves."""

    worker: str
    queues: tuple[str, ...]


class Runner:
    """Serves tickets in one worker process, one at a time."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        dispatcher: Dispatcher,
        post: Post,
        handlers: Mapping[str, Handler],
        settings: Settings,
        leave: Callable[[], None] = leave_process,
    ) -> None:
        self.meter = Meter()
        self._ledger, self._dispatcher = ledger, dispatcher
        self._post, self._handlers = post, handlers
        self._settings, self._leave = settings, leave
        self._drained = False

    def drain(self) -> None:
        """Give back what is being worked on, and claim no more. Safe in a signal handler: it takes no lock."""
        self._drained = True

    def serve(self, queue: str, *, announce: Callable[[Claim], None] | None = None) -> str:
        """Claim once and work on it; `announce` hears what was claimed. Answers in words what came of it.

        The ticket's own queue goes first: Celery takes the queues in turn, and a long training must not keep this
        worker from all other kinds of work. Only work of a higher level in another queue goes before it. Raises
        WorkFailed when the attempt failed: by then the ledger knows.
        """
        if self._drained:
            return "draining"
        try:
            claim = self._ledger.claim(self._post.worker, self._post.queues, first=queue)
        except LedgerUnavailable as error:
            return f"nothing was claimed: {error.message}"  # the tick sends another ticket when it is back
        if claim is None:
            return "nothing to claim"
        try:
            with logs.about(**ids_of(claim)), TaskLog(claim) as log:
                if announce is not None:
                    announce(claim)
                return self._work(claim, log)
        finally:
            self._dispatcher.nudge()

    def _work(self, claim: Claim, log: TaskLog) -> str:
        assignment = Assignment(
            claim,
            budget_s=BUDGET_IN_TARGETS * self._settings.task_target_s,
            draining=lambda: self._drained,
            log=log,
        )
        outcome: Outcome | None = None
        error: Exception | None = None
        beat = Beat(
            ledger=self._ledger,
            assignment=assignment,
            beat_s=self._settings.beat_s,
            stall_s=self._settings.stall_s,
            leave=self._leave,
            meter=self.meter,
        )
        with beat:
            try:
                outcome = self._handler_of(claim)(assignment)
            except Exception as caught:  # noqa: BLE001 - it is recorded in the ledger by _close, and raised from there
                error = caught
                if isinstance(caught, Unavailable):
                    _sit_out(caught, assignment)
        return self._close(assignment, outcome or Outcome(), error)

    def _handler_of(self, claim: Claim) -> Handler:
        handler = self._handlers.get(claim.kind)
        if handler is None:
            raise WorkFailed(f"this worker has no handler for {claim.kind!r}")
        return handler

    def _close(self, assignment: Assignment, outcome: Outcome, error: Exception | None) -> str:
        """The attempt's last write: finish, release or fail, whichever the work came to."""
        if not assignment.may_write or isinstance(error, LeaseLost):
            reason = assignment.stop_reason or StopReason.LOST
            self._ended(assignment, Ending.FAILED if reason is StopReason.STALLED else Ending.LOST)
            return f"stopped: {reason}"
        if isinstance(error, OutOfMemory | MemoryError):
            return self._outgrow(assignment, error)
        if error is not None and not isinstance(error, Unavailable):
            return self._fail(assignment, error)
        if error is None and assignment.cursor >= assignment.hi:
            try:
                return self._finish(assignment, outcome)
            except FarmError as refused:
                if isinstance(refused, Unavailable):
                    raise
                return self._fail(assignment, refused)  # the ledger does not take what the work came to
        return self._release(assignment, outcome, str(error or assignment.stop_reason or "ended early"))

    def _finish(self, assignment: Assignment, outcome: Outcome) -> str:
        claim = assignment.claim
        _log.info("worked up to %d in %.1f s", assignment.cursor, assignment.elapsed_s)
        progress = assignment.take()
        try:
            reply = self._insist(lambda: self._ledger.finish(claim.task_id, claim.attempt, progress, outcome))
        except FarmError:
            assignment.put_back(progress)
            raise
        self._ended(assignment, Ending.DONE if reply.owned else Ending.LOST)
        return f"done up to {progress.cursor}" if reply.owned else f"stopped: {StopReason.LOST}"

    def _release(self, assignment: Assignment, outcome: Outcome, why: str) -> str:
        claim = assignment.claim
        _log.info("given back at %d: %s", assignment.cursor, why)
        progress = assignment.take()
        owned = self._insist(lambda: self._ledger.release(claim.task_id, claim.attempt, progress, outcome))
        self._ended(assignment, Ending.RELEASED if owned else Ending.LOST)
        return f"given back at {progress.cursor}: {why}"

    def _outgrow(self, assignment: Assignment, error: Exception) -> str:
        """Too large for this device: a larger one takes it, and the ledger remembers it of this class of work."""
        claim, message = assignment.claim, words_of(error)
        _log.warning("out of memory at %d: %s; a device with more memory takes it", assignment.cursor, message)
        progress = assignment.take()
        outgrown = self._ledger.machines.outgrow
        owned = self._insist(lambda: outgrown(claim.task_id, claim.attempt, progress, message))
        self._ended(assignment, Ending.RELEASED if owned else Ending.LOST)
        return f"given back at {progress.cursor}: {message}"

    def _fail(self, assignment: Assignment, error: Exception) -> str:
        claim, message = assignment.claim, words_of(error)
        # Said before the last write, which carries it into the ledger.
        _log.error("failed at %d: %s", assignment.cursor, message, exc_info=error)
        progress = assignment.take()
        owned = self._insist(lambda: self._ledger.fail(claim.task_id, claim.attempt, progress, message))
        self._ended(assignment, Ending.FAILED if owned else Ending.LOST)
        raise WorkFailed(message)

    def _ended(self, assignment: Assignment, ending: Ending) -> None:
        if ending is Ending.LOST and assignment.stop_reason is not StopReason.LOST:
            # No beat told it before: the last write itself was refused.
            _log.warning("the lease is lost: the ledger did not take this attempt's last write")
        settled = 0 if ending is Ending.LOST else assignment.cursor - assignment.claim.cursor
        self.meter.ended(assignment.claim.kind, ending, seconds=assignment.elapsed_s, units=settled)

    def _insist(self, write: Callable[[], Written]) -> Written:
        """Try a last write again while the database is away: what was rendered should not be done twice for that."""
        deadline_s = time.monotonic() + self._settings.stall_s
        while True:
            try:
                return write()
            except LedgerUnavailable as error:
                if time.monotonic() > deadline_s or self._drained:
                    raise
                _log.debug("the last write waits: %s", error.message)
                time.sleep(LEDGER_RETRY_S)


def words_of(error: BaseException) -> str:
    """An error in the words that a person reads in the job's record."""
    told = str(error) if isinstance(error, FarmError) and str(error) else f"{type(error).__name__}: {error}"
    return logs.one_line(told)


def ids_of(claim: Claim) -> dict[str, object]:
    """What every log line of an attempt carries."""
    return {"job": claim.job_id, "task": claim.task_id, "attempt": claim.attempt, "kind": claim.kind}


def _sit_out(error: Unavailable, assignment: Assignment) -> None:
    """Wait a little with the lease held, or the work would be given back and claimed again in a busy loop."""
    _log.info("the work waits: %s", error.message)
    deadline_s = time.monotonic() + OUTAGE_PAUSE_S
    while time.monotonic() < deadline_s and not assignment.stop:
        time.sleep(0.2)
