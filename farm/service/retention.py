"""What goes: a deleted job's rows and files, portraits nobody asks for, and what lost attempts left in storage.

Every step may be interrupted and done again. Nothing here goes by the storage's clock.
"""

import itertools
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from farm.errors import Conflict, NotFound
from farm.ledger import Ledger
from farm.ledger.collecting import Standing
from farm.ledger.heaps import Heap
from farm.ledger.rows import PortraitRanges
from farm.ledger.states import JobState, TaskState
from farm.service import portraits
from farm.specs import parse_spec
from farm.storage import ObjectInfo, Storage, keys

PAGE = 1000
DELETERS = 8
"""Threads that wait for storage to delete."""
_JOB_FILE = re.compile(r"jobs/([1-9]\d{0,18})/", re.ASCII)
_ATTEMPT = re.compile(r"runs/[^/]+/slices/\d+\.(\d+)/", re.ASCII)

LEFTOVERS = {
    "objects": "portraits in storage that no row names",
    "job_files": "files of deleted jobs, tiles of done ones",
    "checkpoints": "checkpoint files of attempts that did not count",
}


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What a collection would find: portraits by how they stand, and leftovers by what they are (LEFTOVERS).

    Objects of portraits that are just being made count among the leftovers here; a collection tells them apart.
    """

    portraits: dict[Standing, Heap]
    leftovers: dict[str, Heap]

    @property
    def going(self) -> Heap:
        """The portraits that would go."""
        found = [self.portraits[Standing.UNUSED], self.portraits[Standing.MARKED]]
        ages = [heap.oldest_s for heap in found if heap.oldest_s is not None]
        return Heap(sum(h.count for h in found), sum(h.size_bytes for h in found), min(ages, default=None))


@dataclass(kw_only=True)
class Collected:
    """What a collection removed. `finished` False: it was told to stop, and the next one goes on."""

    portraits: Heap = field(default_factory=Heap)
    leftovers: dict[str, Heap] = field(default_factory=lambda: dict.fromkeys(LEFTOVERS, Heap()))
    finished: bool = True


@dataclass(frozen=True, kw_only=True)
class Keeping:
    """The verbs of retention. on_gone is called after each deleted object; told to `stop`, it ends soon."""

    ledger: Ledger
    storage: Storage
    on_gone: Callable[[], None] = lambda: None
    stop: Callable[[], bool] = lambda: False

    def delete_job(self, job_id: int) -> bool:
        """Delete an ended job: at once for everybody, then its rows and files. False: stopped before all were gone.

        Calling it again goes on, and so does the next collection. Raises NotFound, Conflict.
        """
        self.ledger.retention.delete_job(job_id)
        return self._purge(job_id) and self._remove(self.storage.list(f"jobs/{job_id}/"))[1]

    def survey(self, *, grace_s: float) -> Survey:
        """What `collect` would do. Nothing is changed."""
        epoch = self.ledger.retention.epoch() + 1
        leftovers = {name: _heap(found) for name, found in self._leftovers(epoch).items()}
        return Survey(portraits=self.ledger.retention.survey(grace_s=grace_s), leftovers=leftovers)

    def collect(self, *, grace_s: float) -> Collected:
        """Remove unused portraits and leftovers. Workers may go on rendering; any number may collect at once.

        Raises Conflict where an old job cannot say what it covers.
        """
        self._place_old_jobs()
        done = Collected()
        epoch = self.ledger.retention.begin()
        done.finished = all(self._purge(job_id) for job_id in self.ledger.retention.half_deleted())
        self._unused(grace_s, done)
        for name, found in self._leftovers(epoch).items():
            done.leftovers[name], finished = self._remove(found)
            done.finished = done.finished and finished
        self.ledger.retention.end(epoch, done.portraits)
        return done

    def _unused(self, grace_s: float, done: Collected) -> None:
        after = ""
        while not self.stop():
            page = self.ledger.retention.mark(after=after, grace_s=grace_s)
            if page is None:
                return
            self._delete([each.key for each in page.doomed])
            self.ledger.retention.forget(page.doomed)
            sizes = [each.size_bytes for each in page.doomed]
            done.portraits = Heap(done.portraits.count + len(sizes), done.portraits.size_bytes + sum(sizes))
            after = page.last
        done.finished = False

    def _leftovers(self, epoch: int) -> dict[str, Iterator[ObjectInfo]]:
        """Found lazily, each while it is iterated."""
        return {
            "objects": self._unnamed(epoch),
            "job_files": self._files_of_deleted(),
            "checkpoints": self._lost_checkpoints(),
        }

    def _unnamed(self, epoch: int) -> Iterator[ObjectInfo]:
        """Objects of portraits put before `epoch` that no row names: from now on none ever will."""
        for page in _pages(self.storage.list("portraits/")):
            told = [(info, keys.portrait_of(info.key)) for info in page]
            earlier = [(info, found[0]) for info, found in told if found is not None and found[1] < epoch]
            named = self.ledger.retention.named([recipe for _, recipe in earlier]) if earlier else set()
            yield from (info for info, _ in earlier if info.key not in named)

    def _files_of_deleted(self) -> Iterator[ObjectInfo]:
        deleted: dict[int, bool] = {}
        for info in self.storage.list("jobs/"):
            found = _JOB_FILE.match(info.key)
            job_id = int(found[1]) if found else 0
            if job_id not in deleted:
                deleted[job_id] = self._is_deleted(job_id)
            if deleted[job_id] or (info.key.startswith(keys.tiles(job_id)) and self._has_files(job_id)):
                yield info

    def _is_deleted(self, job_id: int) -> bool:
        """False too for a job this ledger never heard of: nothing is known of its files."""
        try:
            return self.ledger.get_job(job_id).state is JobState.DELETED
        except NotFound:
            return False

    def _has_files(self, job_id: int) -> bool:
        """The job's tiles are files by now: what lies there, a late attempt left."""
        try:
            return self.ledger.get_job(job_id).state is JobState.DONE
        except NotFound:
            return False

    def _lost_checkpoints(self) -> Iterator[ObjectInfo]:
        """Files under the prefix of an attempt that neither runs nor was accepted; it never will be.

        The order matters. What is listed was claimed before, so it runs, or has ended: then its slice is there to read.
        """
        for run in self.ledger.runs():
            listed = list(self.storage.list(f"runs/{run.name}/slices/"))
            running = {task.attempt for task in self.ledger.tasks_of(run.job_id, states=[TaskState.RUNNING])}
            accepted = {made.checkpoint_prefix for made in self.ledger.slices(run.name)}
            for info in listed:
                found = _ATTEMPT.match(info.key)
                if found and int(found[1]) not in running and found[0] not in accepted:
                    yield info

    def _place_old_jobs(self) -> None:
        for job in self.ledger.retention.unplaced_jobs():
            try:
                asked = portraits.units_asked(parse_spec(job.spec), ledger=self.ledger)
            except NotFound as error:
                message = f"job {job.id} is of a cascade that is gone: what it covers cannot be told; delete it first"
                raise Conflict(message) from error
            if isinstance(asked, PortraitRanges):
                self.ledger.retention.place_job(job.id, asked)

    def _purge(self, job_id: int) -> bool:
        while not self.stop():
            if self.ledger.retention.purge(job_id) == 0:
                return True
        return False

    def _remove(self, found: Iterable[ObjectInfo]) -> tuple[Heap, bool]:
        """Delete objects; how many, and whether all."""
        heap = Heap()
        for page in _pages(found):
            if self.stop():
                return heap, False
            self._delete([info.key for info in page])
            heap = Heap(heap.count + len(page), heap.size_bytes + sum(info.size_bytes for info in page))
        return heap, True

    def _delete(self, names: Sequence[str]) -> None:
        with ThreadPoolExecutor(DELETERS, "delete") as threads:
            for _ in threads.map(self.storage.delete, names):
                self.on_gone()


def after(limit_s: float) -> Callable[[], bool]:
    """True as soon as so many seconds have gone by from now."""
    deadline_s = time.monotonic() + limit_s
    return lambda: time.monotonic() > deadline_s


def recipe_of(job_id: int, seed: int, *, ledger: Ledger) -> str:
    """The digest of one portrait of a render job, deleted or not. Raises NotFound, Conflict."""
    return portraits.recipe_of_seed(parse_spec(ledger.get_job(job_id).spec), seed, ledger=ledger).digest


def star(job_id: int, seed: int, *, starred: bool, ledger: Ledger) -> None:
    """Keep a portrait whatever becomes of its job, or no longer; a deleted job's too, until it is collected.

    Raises NotFound where no such portrait is stored, Conflict.
    """
    if not ledger.retention.star(recipe_of(job_id, seed, ledger=ledger), starred=starred):
        raise NotFound(f"seed {seed} of job {job_id} is not stored")


def _heap(found: Iterable[ObjectInfo]) -> Heap:
    sizes = [info.size_bytes for info in found]
    return Heap(len(sizes), sum(sizes))


def _pages(found: Iterable[ObjectInfo]) -> Iterator[list[ObjectInfo]]:
    found = iter(found)
    while page := list(itertools.islice(found, PAGE)):
        yield page
