"""What a user sees of jobs and portraits: ledger rows with progress, time left and links worked out."""

from collections.abc import Sequence
from dataclasses import dataclass

from farm.ledger.rows import Job, PortraitRow, Task, Worker
from farm.ledger.states import JobState
from farm.specs.kinds import BACKSTAGE_KINDS, FINALISE, PORTRAIT_KINDS, QUEUE_OF

MOVING_STATES = frozenset({JobState.QUEUED, JobState.RUNNING, JobState.FINISHING})


@dataclass(frozen=True, kw_only=True)
class JobView:
    """A job with its progress.

    settled: units done or failed, those of an open slice among them. rate: units a second, or None while unknown.
    seconds_left: None where nothing moves. waiting: why nothing moves, in words, or None.
    """

    job: Job
    settled: int
    rate: float | None
    seconds_left: float | None
    waiting: str | None


@dataclass(frozen=True, kw_only=True)
class PortraitView:
    """One portrait of a render job: stored (with key and link), failed (with the error), or neither yet."""

    seed: int
    recipe: str
    stored: PortraitRow | None
    url: str | None
    error: str | None


@dataclass(frozen=True, kw_only=True)
class PortraitPage:
    """Portraits in order of seed; `next_after` continues it, None at the end."""

    portraits: tuple[PortraitView, ...]
    next_after: int | None


def view_job(job: Job, *, running: Sequence[Task], workers: Sequence[Worker], now_s: float) -> JobView:
    """The view of a job. running: its running tasks. workers: the live ones. now_s: the database's clock."""
    settled = job.done + job.failed
    if job.kind not in PORTRAIT_KINDS:
        # Only painted portraits are settled on the way; other tasks tell how far they are, and settle at their end.
        settled += sum(task.units_done or 0 for task in running if task.kind not in BACKSTAGE_KINDS)
    settled = min(settled, job.total)
    served = any(QUEUE_OF[job.kind] in worker.kinds and not worker.draining for worker in workers)
    rate = _recent_rate(job, settled=settled, now_s=now_s) if running or served else None
    left = (job.total - settled) / rate if rate else None
    return JobView(
        job=job, settled=settled, rate=rate, seconds_left=left, waiting=_waiting(job, bool(running), workers)
    )


def _recent_rate(job: Job, *, settled: int, now_s: float) -> float | None:
    """Units a second of the last minute or two; None where nothing was settled in that time."""
    if job.state is not JobState.RUNNING or job.pace_at is None or settled <= job.pace_units:
        return None
    return (settled - job.pace_units) / max(now_s - job.pace_at, 1e-3)


def _waiting(job: Job, is_worked_on: bool, live: Sequence[Worker]) -> str | None:
    if job.state is JobState.PAUSED:
        return f"paused; `farm resume {job.id}` goes on"
    if job.state not in MOVING_STATES or is_worked_on:
        return None
    queue = QUEUE_OF[FINALISE] if job.state is JobState.FINISHING else QUEUE_OF[job.kind]
    serving = [worker for worker in live if queue in worker.kinds]
    if not serving:
        return f"no worker serves {queue!r}: start one with `farm up` or `farm worker`"
    if all(worker.draining for worker in serving):
        return f"every worker of {queue!r} is stopping"
    return f"the workers of {queue!r} are busy, or about to come"
