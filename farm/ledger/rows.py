"""Values that go into the ledger and come out of it: frozen, plain, free of SQL. Times are seconds since the epoch,
by the database's clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import accumulate, pairwise
from typing import Any

from farm.ledger.made import CascadeRow as CascadeRow
from farm.ledger.made import Dataset as Dataset
from farm.ledger.made import Run as Run
from farm.ledger.made import Slice as Slice
from farm.ledger.states import JobState, TaskState
from farm.specs.seeds import SeedRange


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job as it stands. `total`, `done` and `failed` count units; spec is plain JSON with names resolved."""

    id: int
    kind: str
    spec: Mapping[str, Any]
    state: JobState
    priority: int
    total: int
    done: int
    failed: int
    key_id: int | None
    created_at: float
    started_at: float | None
    ended_at: float | None
    error: str | None
    """Why it failed, or None."""
    owner: str = ""
    """The name of the key that submitted it; empty where none did."""
    device_s: float = 0.0
    """Seconds its tasks used a device, all attempts, as far as they were reported."""
    budget_s: float | None = None
    """How many it may use; None: any number."""
    pace_at: float | None = None
    pace_units: int = 0
    """When, lately, how many of its units were settled: the time left is told from there."""


@dataclass(frozen=True)
class Terms:
    """How urgent a job is (farm/specs/priorities.py), and how many device seconds it may use; None: any number."""

    priority: int = 0
    budget_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A task one worker owns now. It writes with (task_id, attempt); units cursor … hi - 1 are its work."""

    task_id: int
    job_id: int
    kind: str
    spec: Mapping[str, Any]
    lo: int
    hi: int
    cursor: int
    attempt: int
    lease_s: float
    epoch: int = 0
    """The number of the last collection: what is put from now on carries it in its key."""


@dataclass(frozen=True, kw_only=True)
class PortraitRanges:
    """Ranges of a job whose units are portraits: the seeds of one series.

    noise_seed: the same for all of them, or None: each portrait's own seed.
    """

    ranges: tuple[SeedRange, ...]
    series: str
    noise_seed: int | None


@dataclass(frozen=True)
class Phases:
    """Units 0 … sum - 1 of a job in phases: so many in each, and none is cut before all those below it are settled."""

    lengths: tuple[int, ...]

    @property
    def ranges(self) -> tuple[SeedRange, ...]:
        """One range a phase, without empty ones."""
        ends = tuple(accumulate(self.lengths))
        return tuple(SeedRange(lo, hi) for lo, hi in pairwise((0, *ends)) if lo < hi)


@dataclass(frozen=True, kw_only=True)
class PortraitRow:
    """One stored portrait. `key` holds bytes whose sha256 is `sha256`; made on `render_class`.

    epoch: the one `key` carries. series, latent_seed, noise_seed: what of its recipe says which jobs cover it; a row
    without a series is never collected.
    """

    recipe: str
    key: str
    sha256: str
    size_bytes: int
    render_class: str
    epoch: int = 0
    series: str | None = None
    latent_seed: int | None = None
    noise_seed: int | None = None
    starred: bool = False
    """A person wants it kept; stars come from `Retention.star` alone."""


@dataclass(frozen=True, kw_only=True)
class FailedUnit:
    """One unit that raised, with the error in words."""

    unit: int
    error: str


@dataclass(frozen=True, kw_only=True)
class Said:
    """One line a task said, on its way: the seq-th of its attempt, `ago_s` seconds before it was handed on."""

    seq: int
    ago_s: float
    level: str
    text: str


@dataclass(frozen=True, kw_only=True)
class LogLine:
    """One line a task said. Within a job, ids grow as lines come in."""

    id: int
    job_id: int
    task_id: int
    attempt: int
    at: float
    level: str
    text: str


@dataclass(frozen=True)
class Work:
    """What an attempt did so far: units it worked on itself, the seconds that took, and bytes it stored."""

    units: int
    seconds: float
    size_bytes: int = 0


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What a beat carries: units before `cursor` are settled; `units_done` is for the progress bar of kinds whose
    cursor moves only at the end of a slice."""

    cursor: int
    portraits: tuple[PortraitRow, ...] = ()
    failures: tuple[FailedUnit, ...] = ()
    units_done: int | None = None
    rate: float | None = None
    """Units a second measured by this worker for this kind of work, to size its next task."""
    rate_s: float | None = None
    """The last so many seconds were measured; None: the rate is taken as it stands."""
    work: Work | None = None
    said: tuple[Said, ...] = ()


@dataclass(frozen=True, kw_only=True)
class BeatReply:
    """What a beat brings back. `owned` False: another attempt or nobody owns it, stop at once and write nothing."""

    owned: bool
    hi: int = 0
    job_state: JobState = JobState.RUNNING
    draining: bool = False
    epoch: int = 0
    give_back: str = ""
    """Why the rest of the task is wanted back, in words: more urgent work, a budget, a quota. Empty: it is not."""

    @property
    def stop(self) -> bool:
        """True when the worker should end its micro-batch and give the rest back."""
        return not self.owned or self.draining or self.job_state is JobState.CANCELLED or self.give_back != ""


@dataclass(frozen=True, kw_only=True)
class Task:
    """One task as it stands, for pages, tests and the record."""

    id: int
    job_id: int
    kind: str
    lo: int
    hi: int
    cursor: int
    state: TaskState
    attempt: int
    failures: int
    losses: int
    worker: str | None
    lease_until: float | None
    progress_at: float | None
    units_done: int | None
    output: Mapping[str, Any] | None
    error: str | None


@dataclass(frozen=True, kw_only=True)
class Failure:
    """One quarantined unit of a job."""

    job_id: int
    unit: int
    error: str
    attempts: int


@dataclass(frozen=True, kw_only=True)
class Worker:
    """One worker process as it last reported. `kinds` are the queues it serves; seen_at by the database's clock."""

    name: str
    kinds: tuple[str, ...]
    device: str
    render_class: str
    slots: int
    draining: bool
    seen_at: float
    leave_until: float | None
    rates: Mapping[str, float] = field(default_factory=dict)
    memory_bytes: int | None = None
    """Of its device, or what it may use of it; None where it does not say."""


class Role(StrEnum):
    """What a key may do; each role may do what those before it may."""

    VIEWER = "viewer"
    """Looks on."""
    ARTIST = "artist"
    """Uploads, submits, and steers the jobs of its own name."""
    ADMIN = "admin"
    """Everything: every job, keys, deleting."""

    def covers(self, needed: "Role") -> bool:
        """True where this role may do what `needed` may."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """One API key; only its sha256 is kept. `name` says whose it is: keys of one name see the same jobs.

    last_used_at: right to the hour, None before the first use. revoked_at: None while it opens doors.
    """

    id: int
    name: str
    role: Role
    created_at: float
    last_used_at: float | None
    revoked_at: float | None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a task leaves in the ledger, written in the same transaction that closes or releases it.

    output: small plain JSON kept on the task's row (a curate task's verdicts key). slice: a run's new checkpoint.
    cascade: a new cascade; its version is given by the ledger. dataset: a finished dataset version. parts: of the
    job's result list, written now.
    """

    output: Mapping[str, Any] | None = None
    slice: Slice | None = None
    cascade: CascadeRow | None = None
    dataset: Dataset | None = None
    parts: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What one queue could use now: tasks claimable at once, and free slots of live workers serving it."""

    queue: str
    claimable: int
    free_slots: int
