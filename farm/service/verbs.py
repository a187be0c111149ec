"""The verbs themselves. One service per process; safe to share between threads."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from farm.dispatch import Dispatcher
from farm.errors import InvalidInput, Problem
from farm.ledger import Ledger
from farm.ledger.rows import ApiKey, Job, Task, Worker
from farm.ledger.states import JobState
from farm.queue import TicketQueue
from farm.service import (
    archives,
    checkpoints,
    datasets,
    doctor,
    estimating,
    failures,
    health,
    keys,
    photos,
    portraits,
    rationing,
    retention,
    runs,
    sweeping,
    uploads,
    views,
)
from farm.service.links import Linked, linked
from farm.service.pages import page_size
from farm.service.resolving import resolve
from farm.service.unset_queue import UnsetQueue
from farm.service.views import Submitted
from farm.settings import Settings
from farm.specs import PolicySpec, parse_seeds, parse_spec
from farm.specs.kinds import QUEUE_OF
from farm.specs.sweep import SweepSpec
from farm.storage import Storage

OnGone = Callable[[], None]
"""Called after each object that was deleted."""


class Service:
    """What a user may do. Every verb raises errors of farm/errors.py alone."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        storage: Storage,
        dispatcher: Dispatcher,
        queue: TicketQueue | UnsetQueue,
        settings: Settings,
    ) -> None:
        self.ledger = ledger
        self.storage = storage
        self.dispatcher = dispatcher
        self.queue = queue
        self.settings = settings
        self.datasets = datasets.Datasets(ledger=ledger, storage=storage)
        self.runs = runs.Runs(ledger=ledger, storage=storage)
        self.rationing = rationing.Rationing(ledger=ledger, dispatcher=dispatcher)

    # Jobs

    def submit(
        self,
        spec: Mapping[str, Any],
        *,
        priority: str | int = 0,
        budget_hours: float | None = None,
        key_id: int | None = None,
        idem_key: str | None = None,
    ) -> Submitted:
        """Take a job of any kind: its names are resolved, it is stored, and workers are called.

        Costs the same for one portrait and for a million. Raises InvalidInput naming every mistake, Conflict where
        the name is taken or `idem_key` came with another job before.
        """
        asked = resolve(parse_spec(spec), ledger=self.ledger, storage=self.storage)
        job, created = self.ledger.submit(
            asked.model_dump(mode="json"),
            kind=asked.kind,
            ranges=portraits.units_asked(asked, ledger=self.ledger),
            priority=rationing.terms_of(priority, budget_hours),
            key_id=key_id,
            idem_key=idem_key,
        )
        self.dispatcher.nudge()
        return Submitted(job=job, created=created, served=self.is_served(job.kind))

    def sweep(
        self,
        sweep: SweepSpec,
        *,
        priority: str | int = 0,
        budget_hours: float | None = None,
        key_id: int | None = None,
    ) -> list[Submitted]:
        """Take a training for each point of a grid. Raises as `submit` does, before anything is taken."""
        specs = sweeping.jobs_of(sweep, ledger=self.ledger, storage=self.storage)
        return [self.submit(each, priority=priority, budget_hours=budget_hours, key_id=key_id) for each in specs]

    def job(self, job_id: int) -> views.JobView:
        """The job with its progress. Raises NotFound."""
        return views.view_jobs([self.ledger.get_job(job_id)], ledger=self.ledger)[0]

    def jobs(
        self, *, state: JobState | None = None, kind: str | None = None, before_id: int | None = None, limit: int = 50,
        owner: str | None = None,
    ) -> list[views.JobView]:  # fmt: skip
        """Jobs, newest first; `before_id` continues a list; `owner`: those that keys of that name submitted."""
        limit = page_size(limit)
        found = self.ledger.list_jobs(state=state, kind=kind, before_id=before_id, limit=limit, owner=owner)
        return views.view_jobs(found, ledger=self.ledger)

    def tasks(self, job_id: int, *, after_id: int = 0, limit: int = 100) -> list[Task]:
        """The job's tasks in order of their ids. Raises NotFound."""
        self.ledger.get_job(job_id)
        return self.ledger.tasks_of(job_id, after_id=after_id, limit=page_size(limit))

    def notable_tasks(self, job_id: int, *, limit: int) -> list[Task]:
        """The job's running and failed tasks, in order of their ids."""
        return self.ledger.tasks_of(job_id, states=("running", "failed"), limit=page_size(limit))

    def estimate(self, spec: Mapping[str, Any], *, priority: int = 0) -> estimating.Estimate:
        """What a job would cost, from what ran here so far. Raises InvalidInput as `submit` does."""
        asked = resolve(parse_spec(spec), ledger=self.ledger, storage=self.storage)
        return estimating.estimate(asked, ledger=self.ledger, settings=self.settings, priority=priority)

    def failures(self, job_id: int, *, after_unit: int = -1, limit: int = 100) -> list[failures.FailedPortrait]:
        """The job's quarantined units, in order. Raises NotFound."""
        found = self.ledger.failures_of(job_id, after_unit=after_unit, limit=page_size(limit))
        return failures.told(found, self.ledger.get_job(job_id), ledger=self.ledger)

    def portraits(self, job_id: int, *, after_seed: int = -1, limit: int = 100) -> views.PortraitPage:
        """A page of a render job's portraits, by seed. Raises NotFound, or Conflict for another kind of job."""
        job = self.ledger.get_job(job_id)
        return portraits.page(
            job, ledger=self.ledger, storage=self.storage, after_seed=after_seed, limit=page_size(limit)
        )

    def cancel(self, job_id: int) -> bool:
        """End a job; what is settled stays. True if this call did it. Raises NotFound, Conflict."""
        return self.ledger.cancel(job_id)

    def pause(self, job_id: int) -> bool:
        """Start nothing more of a job; running tasks end. True if this call did it. Raises NotFound, Conflict."""
        return self.ledger.pause(job_id)

    def resume(self, job_id: int) -> bool:
        """Go on with a paused job. True if this call did it. Raises NotFound, Conflict."""
        moved = self.ledger.resume(job_id)
        self.dispatcher.nudge()
        return moved

    def retry(self, job_id: int) -> int:
        """Try failed units again; a failed or cancelled job goes on. Returns how many. Raises NotFound, Conflict."""
        units = self.ledger.retry(job_id)
        self.dispatcher.nudge()
        return units

    def extend(self, job_id: int, seeds: str) -> Job:
        """Add seeds to a render job; a done one goes on. Raises InvalidInput, NotFound, Conflict."""
        job = self.ledger.extend(job_id, parse_seeds(seeds))
        self.dispatcher.nudge()
        return job

    # What goes

    def delete_job(self, job_id: int, *, limit_s: float = math.inf, on_gone: OnGone = lambda: None) -> bool:
        """Delete an ended job and what it alone left; portraits go by `collect`. False: not all within `limit_s`, the
        rest goes with the next call or collection. Raises NotFound, Conflict."""
        return self._keeping(limit_s, on_gone).delete_job(job_id)

    def survey(self, *, grace_s: float | None = None) -> retention.Survey:
        """What `collect` would remove; nothing is changed."""
        return self._keeping(math.inf, lambda: None).survey(grace_s=self._grace_s(grace_s))

    def collect(
        self, *, grace_s: float | None = None, limit_s: float = math.inf, on_gone: OnGone = lambda: None
    ) -> retention.Collected:
        """Remove portraits that no job covers, nobody starred and nobody used for `grace_s`. Raises Conflict."""
        return self._keeping(limit_s, on_gone).collect(grace_s=self._grace_s(grace_s))

    def star(self, job_id: int, seed: int, *, starred: bool = True) -> None:
        """Keep a portrait whatever becomes of its job, or no longer. Raises NotFound, Conflict."""
        retention.star(job_id, seed, starred=starred, ledger=self.ledger)

    def _keeping(self, limit_s: float, on_gone: OnGone) -> retention.Keeping:
        stop = retention.after(limit_s)
        return retention.Keeping(ledger=self.ledger, storage=self.storage, on_gone=on_gone, stop=stop)

    def _grace_s(self, grace_s: float | None) -> float:
        return self.settings.gc_grace_s if grace_s is None else grace_s

    # What goes in and comes out

    def add_dataset(
        self,
        name: str,
        files: Sequence[photos.SourceFile],
        *,
        policy: PolicySpec | None = None,
        min_native_px: int | None = None,
        on_file: Callable[[], None] = lambda: None,
    ) -> Submitted:
        """Store every file's bytes, then submit the job that looks at them. `on_file` is called after each file.

        policy: what is good enough; None: the default. Raises InvalidInput where the name is wrong, before anything is
        stored.
        """
        spec: dict[str, Any] = {"kind": "curate", "dataset": name, "min_native_px": min_native_px}
        spec |= {} if policy is None else {"policy": policy.model_dump(mode="json")}
        parse_spec({**spec, "intake": "0" * 64, "photos": len(files)})
        intake = photos.store_files(
            files, storage=self.storage, max_bytes=self.settings.photo_max_bytes, on_file=on_file
        )
        stored = uploads.store_list(intake, storage=self.storage)
        return self.submit({**spec, "intake": stored.sha256, "photos": stored.photos})

    def put_photo(self, sha256: str, body: bytes) -> photos.StoredPhoto:
        """Keep one photo that was sent under its sha256. Raises InvalidInput where the bytes have another."""
        stored_as = uploads.sha256_of(body)
        if stored_as != sha256:
            raise InvalidInput(
                "the photo's bytes do not match its name", problems=[Problem("sha256", f"the bytes have {stored_as}")]
            )
        return photos.store_photo(body, storage=self.storage, max_bytes=self.settings.photo_max_bytes)

    def put_intake(self, body: bytes) -> uploads.StoredIntake:
        """Keep a list of photos or a cascade archive, for a curate or an import job. Raises InvalidInput, TooLarge."""
        return uploads.store_intake(body, storage=self.storage, max_bytes=self.settings.upload_max_bytes)

    def import_cascade(self, name: str, archive: bytes) -> Submitted:
        """Store an archive and submit the job that checks it and keeps the cascade. Raises InvalidInput."""
        archives.check_archive(archive)
        stored = self.put_intake(archive)
        return self.submit({"kind": "import", "cascade": name, "intake": stored.sha256})

    def upload_checkpoint(self, folder: Path) -> str:
        """Keep a checkpoint folder for a train job to go on from; what its spec names. Raises CheckpointInvalid."""
        return checkpoints.upload_checkpoint(folder, storage=self.storage)

    def export_cascade(self, reference: str, target: IO[bytes]) -> str:
        """Write a cascade as one archive into an open file; its digest. Raises NotFound."""
        digest = self.ledger.cascade(reference).digest
        archives.write_archive(digest, target, storage=self.storage)
        return digest

    def files_of(self, job_id: int) -> list[Linked]:
        """What a job left behind (result lists, contact sheet): key, size in bytes, link. Raises NotFound."""
        self.ledger.get_job(job_id)
        return linked(f"jobs/{job_id}/", storage=self.storage)

    # Keys

    def create_key(self, name: str, role: str) -> tuple[ApiKey, str]:
        """A new key and its secret, which nobody can ask for again. Raises InvalidInput naming every mistake."""
        return keys.create_key(self.ledger, name, role)

    def keys(self) -> list[ApiKey]:
        """Every key, the revoked ones too, oldest first."""
        return self.ledger.keys()

    def revoke_key(self, key_id: int) -> bool:
        """Refuse the key from now on. True if this call did it. Raises NotFound."""
        return self.ledger.revoke_key(key_id)

    # The farm itself

    def workers(self) -> list[Worker]:
        """Every worker heard of lately."""
        return self.ledger.workers(live=True)

    def is_served(self, kind: str) -> bool:
        """True where a live worker serves the queue of that kind of job."""
        return any(QUEUE_OF[kind] in worker.kinds for worker in self.ledger.workers(live=True))

    def health(self) -> health.Health:
        """Whether ledger, storage and queue answer."""
        return health.look(ledger=self.ledger, storage=self.storage, queue=self.queue)

    def doctor(self) -> list[doctor.Check]:
        """Everything the farm needs of this machine and its services, each with what to do where it is missing."""
        return doctor.examine(self.settings)
