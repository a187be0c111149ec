"""A job's portraits brought into a folder as the job goes: each checked by its sha256, each there whole or not at all.

Calling again fetches only what is missing: what lies there is read and compared, so that a killed export, a full disk
or a damaged file costs nothing but itself. Memory holds a few portraits, however many the job has.
"""

import fcntl
import hashlib
import itertools
import os
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol, TypeVar

from farm.errors import Conflict, NotFound, Unavailable, WorkFailed
from farm.ledger.states import TERMINAL_JOB_STATES, JobState
from farm.service.views import JobView, PortraitPage, PortraitView

T = TypeVar("T")

PAGE = 500
POLL_S = 1.0
PATIENCE_S = 60.0
"""How long a farm that does not answer is asked again before the export ends; the next call goes on."""
IN_FLIGHT_BYTES = 256 << 20
INCOMING = ".incoming"
"""Folder of files being written, inside the one they are for."""

Fetch = Callable[[PortraitView], bytes]
"""The stored bytes of a portrait. Raises NotFound, Unavailable."""


class Portraits(Protocol):
    """What an export asks of a farm: the service here, or one elsewhere."""

    def job(self, job_id: int) -> JobView: ...

    def portraits(self, job_id: int, *, after_seed: int = -1, limit: int = 100) -> PortraitPage: ...


class Ending(StrEnum):
    """What came of one portrait."""

    FETCHED = "fetched"
    KEPT = "kept"
    """It was there already, and right."""
    WAITING = "not there yet"
    FAILED = "failed"
    MISSING = "missing"
    """Its row names an object that is not there."""
    DAMAGED = "damaged"
    """What is stored is not what its row says."""


GOOD = frozenset({Ending.FETCHED, Ending.KEPT})


@dataclass(frozen=True, kw_only=True)
class Exported:
    """One portrait's ending, with a word about it where it is not good."""

    seed: int
    ending: Ending
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Source:
    """One job's portraits. `follow`: wait for those that are not settled yet, until the job has ended."""

    farm: Portraits
    fetch: Fetch
    job_id: int
    follow: bool = True
    threads: int = 8

    def views(self) -> Iterator[PortraitView | None]:
        """Every portrait of the job in order of seed, each once it is settled or will not be; None before a wait.

        Raises Conflict where the job is deleted or has no portraits, NotFound.
        """
        after = -1
        while True:
            ended = self._ended()  # asked before the page: what it settled is on the page that is read then
            page = patiently(lambda start=after: self.farm.portraits(self.job_id, after_seed=start, limit=PAGE))  # type: ignore[misc]
            for view in page.portraits:
                if not ended and view.stored is None and view.error is None:
                    break
                after = view.seed
                yield view
            else:
                if page.next_after is not None:
                    continue
                if ended:
                    return
            yield None
            time.sleep(POLL_S)  # for what is not settled, for a selection to choose, for an extension

    def fetched(self, views: Iterable[PortraitView]) -> Iterator[tuple[PortraitView, "bytes | Exported"]]:
        """Their checked bytes in order, or why there are none; a few are fetched at once."""
        return in_order(views, self._checked, threads=self.threads)

    def one(self, view: PortraitView) -> "bytes | Exported":
        """The checked bytes of one portrait, or why there are none."""
        return self._checked(view)

    def _checked(self, view: PortraitView) -> "bytes | Exported":
        if view.stored is None:
            ending = Ending.WAITING if view.error is None else Ending.FAILED
            return Exported(seed=view.seed, ending=ending, detail=view.error or "")
        try:
            body = patiently(lambda: self.fetch(view))
        except NotFound as error:
            return Exported(seed=view.seed, ending=Ending.MISSING, detail=error.message)
        found = hashlib.sha256(body).hexdigest()
        if found != view.stored.sha256:
            told = f"{view.stored.key} has the sha256 {found[:12]}…, its row says {view.stored.sha256[:12]}…"
            return Exported(seed=view.seed, ending=Ending.DAMAGED, detail=told)
        return body

    def _ended(self) -> bool:
        state = patiently(lambda: self.farm.job(self.job_id)).job.state
        if state is JobState.DELETED:
            raise Conflict(f"job {self.job_id} is deleted: it has no portraits")
        return not self.follow or state in TERMINAL_JOB_STATES


def export_files(source: Source, folder: Path) -> Iterator[Exported]:
    """Every portrait as FOLDER/<seed>.<ending of its key>. Raises WorkFailed where nothing more can be written."""

    def bring(view: PortraitView) -> Exported:
        if view.stored is not None:
            path = folder / f"{view.seed}.{view.stored.key.rpartition('.')[2]}"
            if _is_whole(path, view.stored.sha256, view.stored.size_bytes):
                return Exported(seed=view.seed, ending=Ending.KEPT)
        body = source.one(view)
        if isinstance(body, Exported):
            return body
        with appearing(path) as fresh:
            fresh.write_bytes(body)
        return Exported(seed=view.seed, ending=Ending.FETCHED)

    with prepared(folder):
        for _, done in in_order(source.views(), bring, threads=source.threads):
            yield done


def in_order(
    views: Iterable[PortraitView | None], work: Callable[[PortraitView], T], *, threads: int
) -> Iterator[tuple[PortraitView, T]]:
    """`work` on each, several at once, answers in order; never more than IN_FLIGHT_BYTES of portraits in hand.

    At a None all that is in hand is answered: what comes next may be long in coming.
    """
    waiting: deque[tuple[PortraitView, Future[T]]] = deque()
    in_hand = 0
    with ThreadPoolExecutor(threads, "export") as pool:
        try:
            for view in itertools.chain(views, [None]):
                if view is not None:
                    waiting.append((view, pool.submit(work, view)))
                    in_hand += _size(view)
                full = view is None or len(waiting) >= 4 * threads or in_hand > IN_FLIGHT_BYTES
                while waiting and (full or waiting[0][1].done()):
                    first, future = waiting.popleft()
                    in_hand -= _size(first)
                    yield first, future.result()
                    full = view is None or in_hand > IN_FLIGHT_BYTES
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def prepared(folder: Path) -> Iterator[None]:
    """The folder with its place for unfinished files, and nobody else exporting into it.

    Raises WorkFailed where it cannot be written, Conflict where another export writes there.
    """
    incoming = folder / INCOMING
    with told(folder):
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Conflict(f"another export writes into {folder} just now") from error
            shutil.rmtree(incoming, ignore_errors=True)  # what a killed one left
            incoming.mkdir()
            yield
        finally:
            shutil.rmtree(incoming, ignore_errors=True)
            os.close(descriptor)


@contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """A path for a file's bytes; it becomes `path` when all went well."""
    fresh = path.parent / INCOMING / path.name
    with told(path.parent):
        yield fresh
        fresh.replace(path)


@contextmanager
def told(folder: Path) -> Iterator[None]:
    """Errors of the disk in words. Raises WorkFailed."""
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        again = "what is there is whole; when that is mended, the same command goes on"
        raise WorkFailed(f"{folder} cannot be written: {why}; {again}") from error


def patiently(call: Callable[[], T], *, patience_s: float = PATIENCE_S) -> T:
    """`call()`, again for a while where the farm does not answer. Raises Unavailable."""
    pause_s, deadline_s = 0.2, time.monotonic() + patience_s
    while True:
        try:
            return call()
        except Unavailable:
            if time.monotonic() + pause_s > deadline_s:
                raise
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, 5.0)


def _is_whole(path: Path, sha256: str, size_bytes: int) -> bool:
    try:
        return path.stat().st_size == size_bytes and hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    except OSError:
        return False


def _size(view: PortraitView) -> int:
    return view.stored.size_bytes if view.stored else 0
