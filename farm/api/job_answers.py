"""What the API answers about jobs, their tasks, failures and portraits."""

from datetime import datetime
from typing import Any

from farm.api.answers import Answer, time_of, time_or_none
from farm.ledger.rows import LogLine, Task
from farm.ledger.waits import Wait
from farm.service.failures import FailedPortrait
from farm.service.views import JobView, PortraitPage, PortraitView


class WaitOut(Answer):
    """Why a job waits. `code` is for programs, `text` for people; `change`: the smallest thing that would start it, a
    command where there is one; `until`: when it ends by itself."""

    code: str
    text: str
    change: str | None
    until: datetime | None

    @classmethod
    def of(cls, wait: Wait) -> "WaitOut":
        """The answer for one reason."""
        return cls(code=wait.code, text=wait.text, change=wait.change, until=time_or_none(wait.until))


class JobOut(Answer):
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
    waits: list[WaitOut]
    owner: str
    device_hours: float
    budget_hours: float | None
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
            waits=[WaitOut.of(wait) for wait in view.waits],
            owner=job.owner,
            device_hours=job.device_s / 3600,
            budget_hours=None if job.budget_s is None else job.budget_s / 3600,
            error=job.error,
            created_at=time_of(job.created_at),
            started_at=time_or_none(job.started_at),
            ended_at=time_or_none(job.ended_at),
        )


class JobListOut(Answer):
    """Jobs, newest first. `next_before` continues the list as `before`; null at its end."""

    jobs: list[JobOut]
    next_before: int | None


class ChangeOut(Answer):
    """What a verb did. `changed` is false where the job stood so already; `units`: how many a retry takes up again."""

    changed: bool
    units: int | None = None
    job: JobOut


class EndingOut(Answer):
    """How far a training's early end is. `ended` is false while a slice writes its checkpoint: ask again. `changed`: it
    ended by this request."""

    ended: bool
    changed: bool
    job: JobOut


class TaskOut(Answer):
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


class TaskListOut(Answer):
    """Tasks in order of id. `next_after` continues the list as `after`; null at its end."""

    tasks: list[TaskOut]
    next_after: int | None


class FailureOut(Answer):
    """One unit that failed for good, with the last error; `recipe` is its digest, null where it is no portrait."""

    unit: str
    error: str
    attempts: int
    recipe: str | None
    recipe_json: dict[str, Any] | None

    @classmethod
    def of(cls, failure: FailedPortrait) -> "FailureOut":
        """The answer for one failure."""
        return cls(
            unit=str(failure.unit),
            error=failure.error,
            attempts=failure.attempts,
            recipe=failure.recipe,
            recipe_json=None if failure.recipe_json is None else dict(failure.recipe_json),
        )


class FailureListOut(Answer):
    """Failures in order of unit. `next_after` continues the list as `after`; null at its end."""

    failures: list[FailureOut]
    next_after: str | None


class PortraitOut(Answer):
    """One portrait of a render job: stored, failed or waiting. `url` may be followed for an hour."""

    seed: str
    recipe: str
    state: str
    key: str | None
    url: str | None
    sha256: str | None
    size_bytes: int | None
    render_class: str | None
    starred: bool
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
            starred=row is not None and row.starred,
            error=view.error if row is None else None,
        )


class PortraitListOut(Answer):
    """Portraits in order of seed. `next_after` continues the list as `after`; null at its end."""

    portraits: list[PortraitOut]
    next_after: str | None

    @classmethod
    def of(cls, page: PortraitPage) -> "PortraitListOut":
        """The answer for one page."""
        after = None if page.next_after is None else str(page.next_after)
        return cls(portraits=[PortraitOut.of(view) for view in page.portraits], next_after=after)


class LogLineOut(Answer):
    """One line a task said. `text` has several lines where it ends with a traceback."""

    id: int
    task: int
    attempt: int
    at: datetime
    level: str
    text: str

    @classmethod
    def of(cls, line: LogLine) -> "LogLineOut":
        """The answer for one line."""
        at = time_of(line.at)
        return cls(id=line.id, task=line.task_id, attempt=line.attempt, at=at, level=line.level, text=line.text)


class LogOut(Answer):
    """Lines in the order they came in. `next_after` continues as `after`; null where there are no more just now."""

    lines: list[LogLineOut]
    next_after: int | None

    @classmethod
    def of(cls, lines: list[LogLineOut], limit: int) -> "LogOut":
        """The answer for one page."""
        return cls(lines=lines, next_after=lines[-1].id if len(lines) == limit else None)
