"""What the API answers. Seeds and other 64-bit numbers that a browser would round are strings."""

from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from farm.ledger.rows import CascadeRow, Dataset, Failure, Run, Slice, Task, Worker
from farm.planning import sizes_px
from farm.service.views import JobView, PortraitPage, PortraitView


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True)


class JobOut(_Out):
    """A job and how far it is. Counts are units: portraits, photos looked at, images shown."""

    id: int
    kind: str
    state: str
    priority: int
    spec: dict[str, Any]
    total: int
    done: int
    failed: int
    settled: int
    units_per_s: float | None
    seconds_left: float | None
    waiting: str | None
    error: str | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None

    @classmethod
    def of(cls, view: JobView) -> "JobOut":
        """The answer for one job."""
        job = view.job
        return cls(
            id=job.id,
            kind=job.kind,
            state=job.state.value,
            priority=job.priority,
            spec=dict(job.spec),
            total=job.total,
            done=job.done,
            failed=job.failed,
            settled=view.settled,
            units_per_s=view.rate,
            seconds_left=view.seconds_left,
            waiting=view.waiting,
            error=job.error,
            created_at=time_of(job.created_at),
            started_at=time_or_none(job.started_at),
            ended_at=time_or_none(job.ended_at),
        )


class JobListOut(_Out):
    """Jobs, newest first. `next_before` continues the list as `before`; null at its end."""

    jobs: list[JobOut]
    next_before: int | None


class ChangeOut(_Out):
    """What a verb did. `changed` is false where the job stood so already; `units`: how many a retry takes up again."""

    changed: bool
    units: int | None = None
    job: JobOut


class TaskOut(_Out):
    """One task: units lo … hi - 1 of its job, by one worker."""

    id: int
    kind: str
    lo: str
    hi: str
    cursor: str
    state: str
    attempt: int
    failures: int
    losses: int
    worker: str | None
    error: str | None

    @classmethod
    def of(cls, task: Task) -> "TaskOut":
        """The answer for one task."""
        return cls(
            id=task.id,
            kind=task.kind,
            lo=str(task.lo),
            hi=str(task.hi),
            cursor=str(task.cursor),
            state=task.state.value,
            attempt=task.attempt,
            failures=task.failures,
            losses=task.losses,
            worker=task.worker,
            error=task.error,
        )


class TaskListOut(_Out):
    """Tasks in order of id. `next_after` continues the list as `after`; null at its end."""

    tasks: list[TaskOut]
    next_after: int | None


class FailureOut(_Out):
    """One unit that failed for good, with the last error."""

    unit: str
    error: str
    attempts: int

    @classmethod
    def of(cls, failure: Failure) -> "FailureOut":
        """The answer for one failure."""
        return cls(unit=str(failure.unit), error=failure.error, attempts=failure.attempts)


class FailureListOut(_Out):
    """Failures in order of unit. `next_after` continues the list as `after`; null at its end."""

    failures: list[FailureOut]
    next_after: str | None


class PortraitOut(_Out):
    """One portrait of a render job: stored, failed or waiting. `url` may be followed for an hour."""

    seed: str
    recipe: str
    state: str
    key: str | None
    url: str | None
    sha256: str | None
    size_bytes: int | None
    render_class: str | None
    error: str | None

    @classmethod
    def of(cls, view: PortraitView) -> "PortraitOut":
        """The answer for one portrait."""
        row = view.stored
        state = "stored" if row else "failed" if view.error else "waiting"
        return cls(
            seed=str(view.seed),
            recipe=view.recipe,
            state=state,
            key=row.key if row else None,
            url=view.url,
            sha256=row.sha256 if row else None,
            size_bytes=row.size_bytes if row else None,
            render_class=row.render_class if row else None,
            error=view.error if row is None else None,
        )


class PortraitListOut(_Out):
    """Portraits in order of seed. `next_after` continues the list as `after`; null at its end."""

    portraits: list[PortraitOut]
    next_after: str | None

    @classmethod
    def of(cls, page: PortraitPage) -> "PortraitListOut":
        """The answer for one page."""
        after = None if page.next_after is None else str(page.next_after)
        return cls(portraits=[PortraitOut.of(view) for view in page.portraits], next_after=after)


class FileOut(_Out):
    """One object a job or run left: its key, and a link that may be followed for an hour."""

    key: str
    size_bytes: int
    url: str


class DatasetOut(_Out):
    """One dataset version."""

    name: str
    version: int
    kept: int
    dropped: int
    job_id: int
    manifest_key: str
    manifest_sha256: str

    @classmethod
    def of(cls, row: Dataset) -> "DatasetOut":
        """The answer for one version."""
        return cls.model_validate(row, from_attributes=True)


class RunOut(_Out):
    """One training run. `nimg`: images shown up to its last checkpoint."""

    name: str
    stage: str
    nimg: int
    job_id: int
    config: dict[str, Any]

    @classmethod
    def of(cls, row: Run) -> "RunOut":
        """The answer for one run."""
        return cls(name=row.name, stage=row.stage, nimg=row.nimg, job_id=row.job_id, config=dict(row.config))


class SliceOut(_Out):
    """One accepted slice of a run."""

    start_nimg: int
    end_nimg: int
    metrics: dict[str, float]

    @classmethod
    def of(cls, row: Slice) -> "SliceOut":
        """The answer for one slice."""
        return cls(start_nimg=row.start_nimg, end_nimg=row.end_nimg, metrics=dict(row.metrics))


class RunDetailOut(RunOut):
    """One training run with its slices and the sample grids it left."""

    slices: list[SliceOut]
    samples: list[FileOut]


class CascadeOut(_Out):
    """One cascade version. A render job may ask for any of `sizes_px`."""

    name: str
    version: int
    digest: str
    sizes_px: list[int]

    @classmethod
    def of(cls, row: CascadeRow) -> "CascadeOut":
        """The answer for one cascade."""
        return cls(name=row.name, version=row.version, digest=row.digest, sizes_px=list(sizes_px(row.config)))


class WorkerOut(_Out):
    """One worker process as it last reported. `queues` are the kinds of work it takes."""

    name: str
    queues: list[str]
    device: str
    render_class: str
    slots: int
    draining: bool
    seen_at: datetime
    rates: dict[str, float]

    @classmethod
    def of(cls, row: Worker) -> "WorkerOut":
        """The answer for one worker."""
        return cls(
            name=row.name,
            queues=list(row.kinds),
            device=row.device,
            render_class=row.render_class,
            slots=row.slots,
            draining=row.draining,
            seen_at=time_of(row.seen_at),
            rates=dict(row.rates),
        )


class PhotoOut(_Out):
    """One stored photo; name it in a list of photos by `sha256` and `ext`."""

    sha256: str
    ext: str
    size_bytes: int


class IntakeOut(_Out):
    """One stored upload; name it in a curate or import job by `sha256`. `photos`: how many a list names."""

    sha256: str
    holds: str
    photos: int


class HealthOut(_Out):
    """One word for each service the farm stands on: "ok", or the kind of trouble."""

    ledger: str
    storage: str
    queue: str


def time_of(seconds: float) -> datetime:
    """Seconds since the epoch as a UTC time."""
    return datetime.fromtimestamp(seconds, UTC)


def time_or_none(seconds: float | None) -> datetime | None:
    """`time_of`, or None for None."""
    return None if seconds is None else time_of(seconds)
