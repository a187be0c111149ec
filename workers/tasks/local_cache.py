"""Folders of this machine that save downloads: datasets, checkpoints, decoded frames. Any of it may be deleted."""

import os
import shutil
import time
from collections.abc import Collection
from pathlib import Path

from farm.storage.landing import translated
from workers.training.frame_disk import bytes_of, used_at

LIMIT_BYTES = 40_000_000_000


class LocalCache:
    """Folders by name under one root; the least recently used go when there are too many bytes.

    A worker runs one training, and names what is in use when room is made; others of the machine may write meanwhile.
    """

    def __init__(self, root: Path, *, limit_bytes: int = LIMIT_BYTES) -> None:
        self._root, self._limit_bytes = root, limit_bytes

    def folder(self, name: str) -> Path:
        """The folder of that name, made where it is missing, and noted as used now. `name` has no slash."""
        path = self._root / name
        path.mkdir(parents=True, exist_ok=True)
        now_s = time.time()
        os.utime(path, (now_s, now_s))
        return path

    def make_room(self, *, keep: Collection[str]) -> list[str]:
        """Delete the least recently used folders until the rest fits; those of `keep` stay. Answers what went."""
        entries = sorted((p for p in self._root.glob("*") if p.is_dir()), key=used_at)
        sizes = {path: bytes_of(path) for path in entries}
        total, gone = sum(sizes.values()), []
        for path in entries:
            if total <= self._limit_bytes:
                break
            if path.name not in keep:
                shutil.rmtree(path, ignore_errors=True)
                total -= sizes[path]
                gone.append(path.name)
        return gone


def write_whole(path: Path, body: bytes) -> None:
    """Write a file so that it is either absent or complete. Raises StorageFull or StorageUnavailable."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with translated(f"writing {path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            partial.write_bytes(body)
            partial.rename(path)
        finally:
            partial.unlink(missing_ok=True)
