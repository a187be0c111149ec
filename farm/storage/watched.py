"""Storage that tells an outage once, whoever meets it."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from farm.errors import StorageUnavailable
from farm.outages import Outage
from farm.storage.base import ObjectInfo, Storage


class WatchedStorage:
    """Another storage, of whose every request `outage` hears."""

    def __init__(self, storage: Storage, outage: Outage) -> None:
        self.storage = storage
        self.outage = outage

    def put(self, key: str, body: bytes, *, if_absent: bool = True) -> bool:
        with self._watched(writing=True):
            return self.storage.put(key, body, if_absent=if_absent)

    def put_file(self, key: str, path: Path, *, if_absent: bool = True) -> bool:
        with self._watched(writing=True):
            return self.storage.put_file(key, path, if_absent=if_absent)

    def get(self, key: str) -> bytes:
        with self._watched():
            return self.storage.get(key)

    def get_file(self, key: str, path: Path) -> int:
        with self._watched():
            return self.storage.get_file(key, path)

    def head(self, key: str) -> ObjectInfo | None:
        with self._watched():
            return self.storage.head(key)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        found = self.storage.list(prefix)  # a wrong prefix is told now, not when the first object is asked for
        return self._each(found)

    def delete(self, key: str) -> None:
        # Not as a write: a full disk lets objects go, and what can only be deleted is still full.
        with self._watched():
            self.storage.delete(key)

    def url(self, key: str, *, expires_s: int) -> str:
        return self.storage.url(key, expires_s=expires_s)

    def _each(self, found: Iterator[ObjectInfo]) -> Iterator[ObjectInfo]:
        with self._watched():
            yield from found

    @contextlib.contextmanager
    def _watched(self, *, writing: bool = False) -> Iterator[None]:
        try:
            yield
        except StorageUnavailable as error:
            self.outage.refused(error.message, writing=writing)
            raise
        self.outage.answered(writing=writing)
