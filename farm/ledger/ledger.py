"""The ledger's verbs: each is one transaction on one database, written in the module named beside it."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from types import TracebackType
from typing import Any, Self

from sqlalchemy import select

from farm.ledger import (
    claiming,
    counting,
    demand,
    ending,
    failing,
    keys,
    listing,
    portraits,
    reading,
    reaping,
    records,
    reporting,
    saying,
    steering,
    submitting,
    ticking,
    waiting,
    workers,
)
from farm.ledger.accounts import Accounts
from farm.ledger.connection import Database
from farm.ledger.counting import Counts
from farm.ledger.holding import NOTHING
from farm.ledger.machines import Machines
from farm.ledger.retention import Retention
from farm.ledger.reviews import Reviews
from farm.ledger.rows import (
    ApiKey,
    BeatReply,
    CascadeRow,
    Claim,
    Dataset,
    Demand,
    Failure,
    Job,
    LogLine,
    Outcome,
    Phases,
    PortraitRanges,
    PortraitRow,
    Progress,
    Role,
    Run,
    Slice,
    Task,
    Terms,
    Worker,
)
from farm.ledger.waits import Wait
from farm.specs.seeds import SeedRange

CLAIM_TRIES = 50
"""How often a claim asks again where other claimers were faster, before it leaves the work to them."""
Ranges = Sequence[SeedRange | tuple[int, int]] | PortraitRanges | Phases


class Ledger:
    """The durable record. Threads may share it; every method may raise LedgerUnavailable."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self.machines = Machines(database)
        """What tasks told of the machines: speeds, and what needs more memory."""
        self.retention = Retention(database)
        """What goes: deleted jobs, unused portraits."""
        self.accounts = Accounts(database)
        """Whose the work is: shares, quotas, what was used, budgets."""
        self.reviews = Reviews(database)
        """What people said of photos."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _tb: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._db.close()

    @property
    def statements(self) -> int:
        """SQL statements run so far by this object, for benchmarks."""
        return self._db.statements

    def now(self) -> float:
        """The database's clock, in seconds since the epoch."""
        return float(self._db.read(lambda tx: tx.run(select(tx.now)).scalar_one()))

    # Jobs: submitting.py, steering.py, reading.py

    def submit(
        self, spec: Mapping[str, Any], *, kind: str, ranges: Ranges, priority: int | Terms = 0,
        key_id: int | None = None, idem_key: str | None = None,
    ) -> tuple[Job, bool]:  # fmt: skip
        """The job, and whether this call made it. Raises Conflict, InvalidInput."""
        who, terms = (key_id, idem_key), priority if isinstance(priority, Terms) else Terms(priority)
        return self._db.write(
            "submit", lambda tx: submitting.submit(tx, spec, kind=kind, ranges=ranges, terms=terms, caller=who)
        )

    def extend(self, job_id: int, ranges: Sequence[SeedRange | tuple[int, int]]) -> Job:
        return self._db.write("extend", lambda tx: submitting.extend(tx, job_id, ranges))

    def get_job(self, job_id: int) -> Job:
        return self._db.read(lambda tx: reading.get_job(tx, job_id))

    def list_jobs(
        self, *, state: str | None = None, kind: str | None = None, before_id: int | None = None, limit: int = 50,
        owner: str | None = None,
    ) -> list[Job]:  # fmt: skip
        """Newest first; `owner` leaves those that keys of that name submitted."""
        return self._db.read(
            lambda tx: reading.list_jobs(tx, state=state, kind=kind, before_id=before_id, owner=owner, limit=limit)
        )

    def get_task(self, task_id: int) -> Task:
        return self._db.read(lambda tx: reading.get_task(tx, task_id))

    def tasks_of(
        self, job_id: int, *, states: Sequence[str] | None = None, after_id: int = 0, limit: int | None = None
    ) -> list[Task]:
        return self._db.read(lambda tx: reading.tasks_of(tx, job_id, states=states, after_id=after_id, limit=limit))

    def ranges_of(self, job_id: int) -> list[SeedRange]:
        return self._db.read(lambda tx: reading.ranges_of(tx, job_id))

    def written_parts(self, job_id: int) -> set[int]:
        return self._db.read(lambda tx: listing.written_parts(tx, job_id))

    def failures_of(self, job_id: int, *, after_unit: int = -1, limit: int = 100) -> list[Failure]:
        return self._db.read(lambda tx: reading.failures_of(tx, job_id, after_unit=after_unit, limit=limit))

    def job_log(self, job_id: int, *, after_id: int = 0, limit: int = 100) -> list[LogLine]:
        return self._db.read(lambda tx: saying.job_log(tx, job_id, after_id=after_id, limit=limit))

    def task_log(self, task_id: int, *, after_id: int = 0, limit: int = 100) -> list[LogLine]:
        return self._db.read(lambda tx: saying.said_by(tx, task_id, after_id=after_id, limit=limit))

    def pause(self, job_id: int) -> bool:
        return self._db.write("pause", lambda tx: steering.pause(tx, job_id))

    def resume(self, job_id: int) -> bool:
        return self._db.write("resume", lambda tx: steering.resume(tx, job_id))

    def cancel(self, job_id: int) -> bool:
        return self._db.write("cancel", lambda tx: steering.cancel(tx, job_id))

    def retry(self, job_id: int) -> int:
        return self._db.write("retry", lambda tx: steering.retry(tx, job_id))

    def end_early(self, job_id: int) -> bool:
        return self._db.write("end_early", lambda tx: ending.end_early(tx, job_id))

    def set_priority(self, job_id: int, priority: int) -> bool:
        return self._db.write("set_priority", lambda tx: steering.set_priority(tx, job_id, priority))

    def set_budget(self, job_id: int, budget_s: float | None) -> bool:
        return self._db.write("set_budget", lambda tx: steering.set_budget(tx, job_id, budget_s))

    def why(self, job_ids: Sequence[int]) -> dict[int, tuple[Wait, ...]]:
        return self._db.read(lambda tx: waiting.why(tx, job_ids))

    # Tasks: claiming.py, stealing.py, reporting.py, failing.py, reaping.py

    def claim(self, worker: str, kinds: Sequence[str], first: str | None = None) -> Claim | None:
        """A task from one of these queues, or None; `first` goes before the others of them."""
        for _ in range(CLAIM_TRIES):
            found = self._db.write("claim", lambda tx: claiming.claim(tx, worker, kinds, first))
            if not isinstance(found, claiming.Again):
                return found
        return None

    def beat(self, task_id: int, attempt: int, progress: Progress) -> BeatReply:
        return self._db.write("beat", lambda tx: reporting.beat(tx, task_id, attempt, progress))

    def finish(self, task_id: int, attempt: int, progress: Progress, outcome: Outcome = NOTHING) -> BeatReply:
        """`owned` False: nothing was written. Raises WorkFailed where units are left, Conflict."""
        return self._db.write("finish", lambda tx: reporting.finish(tx, task_id, attempt, progress, outcome))

    def release(self, task_id: int, attempt: int, progress: Progress, outcome: Outcome = NOTHING) -> bool:
        return self._db.write("release", lambda tx: reporting.release(tx, task_id, attempt, progress, outcome))

    def fail(self, task_id: int, attempt: int, progress: Progress, error: str) -> bool:
        return self._db.write("fail", lambda tx: failing.fail(tx, task_id, attempt, progress, error))

    def reap(self) -> list[Task]:
        """Tasks taken from silent owners, as they stand now. One transaction each, so that none blocks the others."""
        taken = []
        for row in self._db.read(reaping.expired):
            reaped = self._db.write("reap", partial(reaping.reap_one, task_id=row.id, attempt=row.attempt))
            taken += [reaped] if reaped is not None else []
        for job_id in self._db.read(reaping.unclosed):
            self._db.write("close", partial(reaping.close_one, job_id=job_id))
        return taken

    # Portraits: portraits.py

    def portraits_by_recipe(self, recipes: Sequence[str], *, for_job: int | None = None) -> dict[str, PortraitRow]:
        """The stored ones of these recipes, noting their use once an hour; rows marked for deletion are left out.

        for_job: a job whose units are no seeds of one series: from now on it covers them all, stored or not yet.
        """
        if for_job is not None:
            self._db.write("cover", lambda tx: portraits.cover(tx, for_job, recipes))
        found, stale = self._db.read(lambda tx: portraits.portraits_by_recipe(tx, recipes))
        if stale:
            self._db.write("touch", lambda tx: portraits.touch(tx, stale))
        return found

    def touch(self, recipes: Sequence[str]) -> None:
        """Notes that these portraits were of use just now."""
        self._db.write("touch", lambda tx: portraits.touch(tx, recipes))

    # Workers and dispatch: workers.py, demand.py, ticking.py

    def register_worker(self, worker: Worker) -> None:
        self._db.write("register_worker", lambda tx: workers.register_worker(tx, worker))

    def worker_seen(self, name: str) -> bool:
        return self._db.write("worker_seen", lambda tx: workers.worker_seen(tx, name))

    def drain_worker(self, name: str) -> bool:
        return self._db.write("drain_worker", lambda tx: workers.drain_worker(tx, name))

    def unregister_worker(self, name: str) -> bool:
        return self._db.write("unregister_worker", lambda tx: workers.unregister_worker(tx, name))

    def abandon(self, name: str) -> int:
        return self._db.write("abandon", lambda tx: workers.abandon(tx, name))

    def workers(self, *, live: bool = False) -> list[Worker]:
        return self._db.read(lambda tx: workers.workers(tx, live=live))

    def demand(self) -> list[Demand]:
        return self._db.read(demand.demand)

    def counts(self) -> Counts:
        return self._db.read(counting.counts)

    def tick_lock(self, *, every_s: float = 0.0) -> AbstractContextManager[bool]:
        return ticking.tick_lock(self._db, every_s=every_s)

    # Records: records.py, keys.py

    def datasets(self, name: str | None = None) -> list[Dataset]:
        return self._db.read(lambda tx: records.datasets(tx, name))

    def dataset(self, name: str, version: int | None = None) -> Dataset:
        return self._db.read(lambda tx: records.get_dataset(tx, name, version))

    def runs(self) -> list[Run]:
        return self._db.read(records.runs)

    def run(self, name: str) -> Run:
        return self._db.read(lambda tx: records.get_run(tx, name))

    def slices(self, run: str) -> list[Slice]:
        return self._db.read(lambda tx: records.slices(tx, run))

    def last_slice(self, run: str) -> Slice | None:
        return self._db.read(lambda tx: records.last_slice(tx, run))

    def cascades(self, name: str | None = None) -> list[CascadeRow]:
        return self._db.read(lambda tx: records.cascades(tx, name))

    def cascade(self, ref: str) -> CascadeRow:
        return self._db.read(lambda tx: records.get_cascade(tx, ref))

    def create_key(self, name: str, role: Role) -> tuple[ApiKey, str]:
        return self._db.write("create_key", lambda tx: keys.create_key(tx, name, role))

    def find_key(self, secret: str) -> ApiKey | None:
        return keys.find_key(self._db, secret)

    def owns_job(self, name: str, job_id: int) -> bool:
        return self._db.read(lambda tx: keys.owns_job(tx, name, job_id))

    def owns_task(self, name: str, task_id: int) -> bool:
        return self._db.read(lambda tx: keys.owns_task(tx, name, task_id))

    def revoke_key(self, key_id: int) -> bool:
        return self._db.write("revoke_key", lambda tx: keys.revoke_key(tx, key_id))

    def keys(self) -> list[ApiKey]:
        return self._db.read(keys.keys)
