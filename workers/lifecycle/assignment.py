"""One claimed task while it is worked on: what is settled so far, how far to go, and whether to stop."""

import threading
import time
from collections.abc import Callable
from enum import StrEnum

from farm.errors import WorkFailed
from farm.ledger.rows import BeatReply, Claim, FailedUnit, PortraitRow, Progress, Work
from farm.ledger.states import JobState
from farm.logs import one_line
from farm.specs.kinds import SEQUENTIAL_KINDS
from workers.lifecycle.task_log import TaskLog


class StopReason(StrEnum):
    """Why a worker should end its micro-batch and give the rest back."""

    LOST = "the lease is lost"
    """The task went back or to another attempt: nothing may be written any more."""
    STALLED = "no progress for too long"
    """Given up by this worker itself, and recorded as a failure."""
    CANCELLED = "the job was cancelled"
    PAUSED = "the job was paused"
    """Of a training alone, whose slice may have hours to go: its checkpoint keeps what it has learnt."""
    DRAINING = "the worker is draining"
    YIELDED = "the ledger asked for the rest"
    """More urgent work waits, or the job's budget or its name's quota is used up: the beat's log line says which."""
    LONG_ENOUGH = "the task lasted much longer than it was cut for"


class Assignment:
    """What a handler works on. Safe to use from several threads; the beat thread carries what it gathers.

    Units are settled in order: the cursor is contiguous, so that whoever goes on after a crash knows where.
    """

    def __init__(
        self,
        claim: Claim,
        *,
        budget_s: float = float("inf"),
        draining: Callable[[], bool] = lambda: False,
        log: TaskLog | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """budget_s: after so long, and at least one unit, `stop` gives the rest back: a task whose size was guessed
        wrongly must not hold a device for hours. draining: whether this very process was told to end. log: what is
        said meanwhile, which goes with the progress."""
        self.claim = claim
        self._log = log or TaskLog(claim)
        self._budget_s, self._draining, self._clock = budget_s, draining, clock
        self._lock = threading.Lock()
        self._cursor, self._hi, self._epoch = claim.cursor, claim.hi, claim.epoch
        self._portraits: list[PortraitRow] = []
        self._failures: list[FailedUnit] = []
        self._units_done: int | None = None
        self._worked = self._stored_bytes = self._window_units = 0
        self._reason: StopReason | None = None
        self._started_s = self._began_s = self._window_from_s = self._progress_s = clock()

    @property
    def cursor(self) -> int:
        """The first unit that is not settled."""
        with self._lock:
            return self._cursor

    @property
    def hi(self) -> int:
        """One past the last unit to do; a steal may lower it while the work goes on."""
        with self._lock:
            return self._hi

    @property
    def epoch(self) -> int:
        """What the key of a portrait carries that is put now; a collection of unused portraits raises it."""
        with self._lock:
            return self._epoch

    @property
    def stop_reason(self) -> StopReason | None:
        """Why to stop, or None."""
        with self._lock:
            if self._reason is None and self._draining():
                self._reason = StopReason.DRAINING
            if self._reason is None and self._over_budget():
                self._reason = StopReason.LONG_ENOUGH
            return self._reason

    @property
    def stop(self) -> bool:
        """True when the work should end at the next unit and the rest go back."""
        return self.stop_reason is not None

    @property
    def may_write(self) -> bool:
        """False once another attempt may own the task."""
        return self.stop_reason not in (StopReason.LOST, StopReason.STALLED)

    @property
    def idle_s(self) -> float:
        """Seconds since the last sign of progress."""
        with self._lock:
            return self._clock() - self._progress_s

    @property
    def elapsed_s(self) -> float:
        """Seconds since the claim."""
        return self._clock() - self._started_s

    def begin(self) -> None:
        """Call when weights are loaded and the first unit begins: the measured rate counts from here."""
        with self._lock:
            self._began_s = self._window_from_s = self._progress_s = self._clock()

    def settle(
        self, unit: int, *, portrait: PortraitRow | None = None, error: str | None = None, worked: bool = True
    ) -> None:
        """`unit` is done, or failed with `error`. worked=False: it was found ready and tells nothing of the rate.

        Raises WorkFailed when units come out of order.
        """
        with self._lock:
            if unit != self._cursor:
                raise WorkFailed(f"unit {unit} was settled out of order, before {self._cursor}")
            self._cursor = unit + 1
            if portrait is not None:
                self._portraits.append(portrait)
                self._stored_bytes += portrait.size_bytes
            if error is not None:
                self._failures.append(FailedUnit(unit=unit, error=one_line(error)))
            self._count(int(worked))
            self._progress_s = self._clock()

    def advance(self, cursor: int) -> None:
        """All units before `cursor` are settled at once: a slice that ended at its checkpoint."""
        with self._lock:
            if cursor < self._cursor:
                raise WorkFailed(f"the cursor cannot go back from {self._cursor} to {cursor}")
            self._count(cursor - self._cursor)
            self._cursor = cursor
            self._progress_s = self._clock()

    def report(self, units_done: int) -> None:
        """For the progress bar, where the cursor moves only at the end."""
        with self._lock:
            if units_done != self._units_done:
                self._progress_s = self._clock()
            self._units_done = units_done

    def alive(self) -> None:
        """A sign of progress that has no number: a download, a file written."""
        with self._lock:
            self._progress_s = self._clock()

    def take(self) -> Progress:
        """What was settled since the last `take`, to be written; `put_back` it if that fails."""
        with self._lock:
            rate, rate_s = self._window()
            progress = Progress(
                cursor=self._cursor,
                portraits=tuple(self._portraits),
                failures=tuple(self._failures),
                units_done=self._units_done,
                rate=rate,
                rate_s=rate_s,
                work=Work(self._worked, self._clock() - self._began_s, self._stored_bytes),
                said=self._log.take(),
            )
            self._portraits, self._failures = [], []
            return progress

    def put_back(self, progress: Progress) -> None:
        """The ledger did not take it: it goes with the next beat."""
        with self._lock:
            self._portraits[:0] = progress.portraits
            self._failures[:0] = progress.failures
            if progress.rate is not None and progress.rate_s is not None:
                self._window_units += round(progress.rate * progress.rate_s)
                self._window_from_s -= progress.rate_s
            self._log.put_back()

    def accept(self, reply: BeatReply) -> None:
        """What a beat brought back."""
        with self._lock:
            if not reply.owned:
                self._reason = StopReason.LOST
                return
            self._hi, self._epoch = min(self._hi, reply.hi), max(self._epoch, reply.epoch)
            if reply.job_state is JobState.CANCELLED:
                self._reason = StopReason.CANCELLED
            elif reply.job_state is JobState.PAUSED and self.claim.kind in SEQUENTIAL_KINDS:
                self._reason = StopReason.PAUSED
            elif reply.draining:
                self._reason = StopReason.DRAINING
            elif reply.give_back and self._reason is None:
                self._reason = StopReason.YIELDED

    def halt(self, reason: StopReason) -> None:
        """Stop for `reason`, told from this side."""
        with self._lock:
            if self._reason not in (StopReason.LOST, StopReason.STALLED):
                self._reason = reason

    def _over_budget(self) -> bool:
        return self._worked > 0 and self._clock() - self._started_s > self._budget_s

    def _count(self, units: int) -> None:
        self._worked += units
        self._window_units += units

    def _window(self) -> tuple[float | None, float | None]:
        """Units a second since the last one that was told, and over how long; None where nothing was worked since."""
        now_s = self._clock()
        seconds = now_s - self._window_from_s
        if self._window_units <= 0 or seconds <= 0:
            return None, None
        rate = self._window_units / seconds
        self._window_units, self._window_from_s = 0, now_s
        return rate, seconds
