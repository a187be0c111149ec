"""What a user sees of jobs and portraits: ledger rows with progress, time left and links worked out."""

from collections.abc import Sequence
from dataclasses import dataclass

from farm.ledger import Ledger
from farm.ledger.rows import Job, PortraitRow, Run, Slice, Task, Worker
from farm.ledger.states import JobState, TaskState
from farm.ledger.waits import Wait
from farm.specs.kinds import BACKSTAGE_KINDS, QUEUE_OF, SETTLED_ALONE_KINDS

MOVING_STATES = frozenset({JobState.QUEUED, JobState.RUNNING, JobState.FINISHING})


@dataclass(frozen=True, kw_only=True)
class Submitted:
    """A job as it was taken. `created` is False where the same request had been taken before.

    `served`: a live worker serves its queue, so it will not have to wait for one.
    """

    job: Job
    created: bool
    served: bool


@dataclass(frozen=True, kw_only=True)
class JobView:
    """A job with its progress.

    settled: units done or failed, those of an open slice among them. rate: units a second, or None while unknown.
    seconds_left: None where nothing moves. waits: why nothing moves, each reason with what would change it.
    """

    job: Job
    settled: int
    rate: float | None
    seconds_left: float | None
    waits: tuple[Wait, ...] = ()

    @property
    def waiting(self) -> str | None:
        """The first reason in words, or None."""
        if not self.waits:
            return None
        first = self.waits[0]
        return f"{first.text}: `{first.change}`" if first.change else first.text


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


def view_jobs(jobs: Sequence[Job], *, ledger: Ledger) -> list[JobView]:
    """The views of jobs as they stand now."""
    if not jobs:
        return []
    workers, now_s, waits = ledger.workers(live=True), ledger.now(), ledger.why([job.id for job in jobs])
    views = []
    for job in jobs:
        running = ledger.tasks_of(job.id, states=[TaskState.RUNNING]) if job.state in MOVING_STATES else []
        views.append(view_job(job, running=running, workers=workers, now_s=now_s, waits=waits.get(job.id, ())))
    return views


def view_job(
    job: Job, *, running: Sequence[Task], workers: Sequence[Worker], now_s: float, waits: tuple[Wait, ...] = ()
) -> JobView:
    """The view of a job. running: its running tasks. workers: the live ones. now_s: the database's clock."""
    settled = job.done + job.failed
    if job.kind not in SETTLED_ALONE_KINDS:
        # Only painted portraits are settled on the way; other tasks tell how far they are, and settle at their end.
        settled += sum(task.units_done or 0 for task in running if task.kind not in BACKSTAGE_KINDS)
    settled = min(settled, job.total)
    served = any(QUEUE_OF[job.kind] in worker.kinds and not worker.draining for worker in workers)
    rate = _recent_rate(job, settled=settled, now_s=now_s) if running or served else None
    left = (job.total - settled) / rate if rate else None
    return JobView(job=job, settled=settled, rate=rate, seconds_left=left, waits=waits)


def _recent_rate(job: Job, *, settled: int, now_s: float) -> float | None:
    """Units a second of the last minute or two; None where nothing was settled in that time."""
    if job.state is not JobState.RUNNING or job.pace_at is None or settled <= job.pace_units:
        return None
    return (settled - job.pace_units) / max(now_s - job.pace_at, 1e-3)


@dataclass(frozen=True, kw_only=True)
class RunDetail:
    """A training run, its accepted slices, and its sample grids (key, size in bytes, link)."""

    run: Run
    slices: tuple[Slice, ...]
    samples: list[tuple[str, int, str]]
