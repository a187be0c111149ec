"""Objects as plain files in a folder that a person can browse. For one machine, or a shared disk that knows links."""

import contextlib
import io
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from farm.errors import Conflict, InvalidInput, NotFound, Problem
from farm.storage.base import ObjectInfo
from farm.storage.key_rules import check_key, check_prefix, is_key
from farm.storage.landing import BLOCK_BYTES, new_file, translated
from farm.storage.signing import signed_path

INCOMING = ".incoming"
"""Folder of files being written. Keys cannot name it, so nothing in it is ever an object."""
_ABANDONED_S = 24 * 3600.0
_PUBLISH_ATTEMPTS = 20
_Names = list[str]  # inside the class, `list` is its method


class FolderStorage:
    """Storage in `root`. An object appears by a link to a file that is whole and on disk, so it is there or it is not.

    secret: signs the addresses given out by `url`. Conflict is raised where a key would need a file to be a folder too.
    """

    def __init__(self, root: Path, *, secret: bytes) -> None:
        self._root = root.absolute()
        self._secret = secret
        with translated("opening the folder"):
            (self._root / INCOMING).mkdir(parents=True, exist_ok=True)
            _clear_abandoned(self._root / INCOMING)

    def put(self, key: str, body: bytes, *, if_absent: bool = True) -> bool:
        return self._put(key, io.BytesIO(body), if_absent=if_absent)

    def put_file(self, key: str, path: Path, *, if_absent: bool = True) -> bool:
        with translated(f"reading {path}"):
            file = path.open("rb")
        with file:
            return self._put(key, file, if_absent=if_absent)

    def _put(self, key: str, body: IO[bytes], *, if_absent: bool) -> bool:
        target = self._path(key)
        temporary = self._root / INCOMING / secrets.token_hex(16)
        with translated(f"writing {key}"), _removed_after(temporary):
            _write_durably(temporary, body)
            if not _publish(temporary, target, if_absent=if_absent):
                return False
            _sync_folder(target.parent)
        return True

    def get(self, key: str) -> bytes:
        with translated(f"reading {key}"):
            try:
                return self._path(key).read_bytes()
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
                raise NotFound(f"there is no object {key}") from error

    def get_file(self, key: str, path: Path) -> int:
        with translated(f"reading {key}"):
            try:
                source = self._path(key).open("rb")
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
                raise NotFound(f"there is no object {key}") from error
        with source, new_file(path) as file:
            shutil.copyfileobj(source, file, BLOCK_BYTES)
            return file.tell()

    def head(self, key: str) -> ObjectInfo | None:
        with translated(f"looking up {key}"):
            return _info(self._path(key), key)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        check_prefix(prefix)
        parent = prefix.rpartition("/")[0]
        return self._walk(f"{parent}/" if parent else "", prefix)

    def delete(self, key: str) -> None:
        path = self._path(key)
        with translated(f"deleting {key}"), contextlib.suppress(FileNotFoundError, NotADirectoryError):
            if not path.is_dir():
                path.unlink()
                _sync_folder(path.parent)
                self._prune(path.parent)

    def url(self, key: str, *, expires_s: int) -> str:
        check_key(key)
        if expires_s < 1:
            raise InvalidInput("the link would never be valid", problems=[Problem("expires_s", "must be at least 1")])
        return signed_path(self._secret, key, expires_s=expires_s)

    def _path(self, key: str) -> Path:
        check_key(key)
        return self._root / key

    def _prune(self, folder: Path) -> None:
        """Remove `folder` and those above it as far as they are empty: what held deleted objects holds no name."""
        with contextlib.suppress(OSError):  # not empty, or gone: both are where to stop
            while folder != self._root:
                folder.rmdir()
                folder = folder.parent

    def _walk(self, folder: str, prefix: str) -> Iterator[ObjectInfo]:
        """Objects under `folder` (empty, or a key prefix ending in a slash) that begin with `prefix`, in key order."""
        for name in self._names(folder):
            path = folder + name
            if name.endswith("/"):
                if path.startswith(prefix) or prefix.startswith(path):
                    yield from self._walk(path, prefix)
            elif path.startswith(prefix) and is_key(path):
                info = self.head(path)
                if info is not None:
                    yield info

    def _names(self, folder: str) -> _Names:
        """Names in one folder; those of folders end in a slash, which is also what puts them in key order."""
        with translated(f"listing {folder or 'the folder'}"):
            try:
                with os.scandir(self._root / folder) as entries:
                    return sorted(e.name + "/" * e.is_dir() for e in entries if not e.name.startswith("."))
            except (FileNotFoundError, NotADirectoryError):
                return []


@contextlib.contextmanager
def _removed_after(temporary: Path) -> Iterator[None]:
    try:
        yield
    finally:
        temporary.unlink(missing_ok=True)


def _write_durably(path: Path, body: IO[bytes]) -> None:
    with path.open("xb") as file:
        shutil.copyfileobj(body, file, BLOCK_BYTES)
        file.flush()
        os.fsync(file.fileno())


def _publish(temporary: Path, target: Path, *, if_absent: bool) -> bool:
    """Give the whole file its name. True when `target` is now this file, False when it was an object already."""
    for _ in range(_PUBLISH_ATTEMPTS - 1):
        # Deleting the last object of a folder removes the folder, perhaps just before we write the next one into it.
        with contextlib.suppress(FileNotFoundError):
            return _publish_once(temporary, target, if_absent=if_absent)
    return _publish_once(temporary, target, if_absent=if_absent)


def _publish_once(temporary: Path, target: Path, *, if_absent: bool) -> bool:
    _make_folder(target.parent)
    if if_absent:
        return _link(temporary, target)
    try:
        temporary.replace(target)
    except IsADirectoryError as error:
        raise _is_folder(target) from error
    return True


def _link(temporary: Path, target: Path) -> bool:
    try:
        os.link(temporary, target)
    except FileExistsError as error:
        if target.is_dir():
            raise _is_folder(target) from error
        return False
    return True


def _is_folder(target: Path) -> Conflict:
    return Conflict(f"{target.name} is a folder of other objects in this storage")


def _make_folder(path: Path) -> None:
    """`mkdir -p` that survives a power cut: each new folder's name is on disk before anything is in it."""
    if path.is_dir():
        return
    if path.parent != path:
        _make_folder(path.parent)
    try:
        path.mkdir()
    except FileExistsError as error:
        if _is_file(path):
            raise Conflict(f"{path.name} is an object in this storage, not a folder of others") from error
        return
    _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    """Put the folder's list of names on disk. One that is gone, because its last object was deleted, has none."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_file(path: Path) -> bool:
    """True for what exists and is no folder, by one look: a folder may vanish between two."""
    try:
        return not stat.S_ISDIR(path.stat().st_mode)
    except FileNotFoundError:
        return False


def _info(path: Path, key: str) -> ObjectInfo | None:
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return ObjectInfo(key=key, size_bytes=found.st_size, modified_s=found.st_mtime)


def _clear_abandoned(incoming: Path) -> None:
    """Remove what killed processes left; nothing is written for as long as a day."""
    oldest_s = time.time() - _ABANDONED_S
    for path in incoming.iterdir():
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < oldest_s:
                path.unlink()
