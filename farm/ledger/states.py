"""The closed lists of states, a sentence each, and the legal moves between them."""

from enum import StrEnum


class JobState(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    """Submitted; nothing of it was claimed yet."""
    RUNNING = "running"
    """At least one task was claimed, and work is left."""
    PAUSED = "paused"
    """A person paused it: running tasks end, a training at its next step; nothing new is claimed."""
    FINISHING = "finishing"
    """Every unit is settled; a leased task writes what the job leaves behind."""
    DONE = "done"
    """Everything is settled and written. Some units may be quarantined: `failed` counts them."""
    FAILED = "failed"
    """It cannot end: its only unit or its finishing failed for good."""
    CANCELLED = "cancelled"
    """A person ended it; what was settled stays."""
    DELETED = "deleted"
    """A person gave it up: it covers no portrait any more, and its tasks and files go."""


class TaskState(StrEnum):
    """Where a task stands."""

    PENDING = "pending"
    """Cut, and waiting for a worker."""
    RUNNING = "running"
    """One attempt owns it, as long as its lease is renewed."""
    DONE = "done"
    """Every unit of it is settled or quarantined."""
    FAILED = "failed"
    """Its single unit failed for good and is quarantined."""
    CANCELLED = "cancelled"
    """Its job was cancelled."""


JOB_MOVES: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.PAUSED, JobState.CANCELLED}),
    JobState.RUNNING: frozenset({JobState.PAUSED, JobState.FINISHING, JobState.FAILED, JobState.CANCELLED}),
    JobState.PAUSED: frozenset({JobState.QUEUED, JobState.RUNNING, JobState.FINISHING, JobState.CANCELLED}),
    JobState.FINISHING: frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELLED}),
    # Extending a finished job, or retrying what failed, opens it again.
    JobState.DONE: frozenset({JobState.QUEUED, JobState.DELETED}),
    JobState.FAILED: frozenset({JobState.QUEUED, JobState.DELETED}),
    JobState.CANCELLED: frozenset({JobState.QUEUED, JobState.DELETED}),
    JobState.DELETED: frozenset(),
}

TASK_MOVES: dict[TaskState, frozenset[TaskState]] = {
    TaskState.PENDING: frozenset({TaskState.RUNNING, TaskState.CANCELLED}),
    TaskState.RUNNING: frozenset({TaskState.PENDING, TaskState.DONE, TaskState.FAILED, TaskState.CANCELLED}),
    TaskState.DONE: frozenset(),
    TaskState.FAILED: frozenset({TaskState.PENDING}),
    TaskState.CANCELLED: frozenset({TaskState.PENDING}),
}

TERMINAL_JOB_STATES = frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELLED, JobState.DELETED})
