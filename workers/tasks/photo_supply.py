"""Photos for a training process that knows no storage: fetched when it asks (workers/training/photo_spool.py)."""

import hashlib
import logging
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from types import TracebackType

from farm.errors import FarmError, NotFound, PhotoRefused, StorageUnavailable
from farm.storage import Storage, keys
from workers.tasks.local_cache import write_whole

_log = logging.getLogger(__name__)

FETCHERS = 4
LOOK_S = 0.02
WAIT_S = 600.0
"""How long a store that is away is asked again; then the work is given back, to be taken up when it answers."""
RETRY_S = 2.0


class PhotoSupply:
    """Brings what is wanted in `spool`, on threads of its own, until the context is left; then the folder goes.

    A process that trains asks a few batches ahead, so what it still waits for when it ends is nobody's.
    """

    def __init__(self, storage: Storage, spool: Path) -> None:
        self.is_waiting = False
        self._storage, self._spool = storage, spool
        self._end = threading.Event()
        self._folder_lock = threading.Lock()
        """Held while wishes are listed, granted, or given up: a list is never older than what is under way."""
        self._error: FarmError | None = None
        self._under_way: set[str] = set()
        self._fetchers = ThreadPoolExecutor(FETCHERS, thread_name_prefix="fetch")
        for name in ("wanted", "photos"):
            (spool / name).mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> "PhotoSupply":
        threading.Thread(target=copy_context().run, args=(self._look,), name="supply", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._folder_lock:
            self._end.set()
        self._fetchers.shutdown(wait=False, cancel_futures=True)
        # What a process that ends just now puts there goes with the run's next slice.
        shutil.rmtree(self._spool, ignore_errors=True)

    def check(self) -> None:
        """Raises what bringing a photo came to: NotFound or PhotoRefused naming it, StorageUnavailable, StorageFull."""
        if self._error is not None:
            raise self._error

    def _look(self) -> None:
        while not self._end.wait(LOOK_S):
            with self._folder_lock:
                if self._end.is_set():
                    return
                for path in (self._spool / "wanted").iterdir():
                    if path.name not in self._under_way:
                        self._under_way.add(path.name)
                        self._fetchers.submit(copy_context().run, self._bring, path)

    def _bring(self, wanted: Path) -> None:
        try:
            self._grant(wanted, self._fetched(wanted.name))
        except FarmError as error:
            self._error = error

    def _grant(self, wanted: Path, body: bytes) -> None:
        with self._folder_lock:
            if not self._end.is_set():
                write_whole(self._spool / "photos" / wanted.name, body)
                wanted.unlink(missing_ok=True)
                self._under_way.discard(wanted.name)

    def _fetched(self, name: str) -> bytes:
        sha256, _, ext = name.partition(".")
        body = self._insisted(keys.photo(sha256, ext), name)
        if hashlib.sha256(body).hexdigest() != sha256:
            raise PhotoRefused(f"{name} is damaged in storage: its bytes are not those it is named after; add it again")
        return body

    def _insisted(self, key: str, name: str) -> bytes:
        """The object, asked for again while storage is away."""
        deadline_s = time.monotonic() + WAIT_S
        while True:
            try:
                body = self._storage.get(key)
            except NotFound as error:
                raise NotFound(f"storage holds no photo {name}, which the dataset names: add it again") from error
            except StorageUnavailable as error:
                if time.monotonic() > deadline_s or self._end.is_set():
                    raise
                if not self.is_waiting:
                    _log.warning("the training waits for photos: %s", error.message)
                self.is_waiting = True
                self._end.wait(RETRY_S)
            else:
                self.is_waiting = False
                return body
