"""Objects on their way into a file of this machine, and the operating system's errors as ours."""

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from farm.errors import Conflict, StorageFull, StorageUnavailable

BLOCK_BYTES = 1 << 20
"""How much of a file is in memory while it is copied."""


@contextlib.contextmanager
def translated(action: str) -> Iterator[None]:
    """Errors of the operating system as ours: StorageFull, StorageUnavailable."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise StorageFull(f"{action}: the disk is full ({error.strerror})") from error
        raise StorageUnavailable(f"{action}: {error.strerror or error}") from error


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[IO[bytes]]:
    """A new file, open for writing; removed again when the block raises.

    Raises Conflict where it exists, StorageFull or StorageUnavailable where it cannot be written.
    """
    with translated(f"writing {path}"):
        try:
            file = path.open("xb")
        except FileExistsError as error:
            raise Conflict(f"{path} exists; choose another place, or remove it first") from error
        try:
            with file:
                yield file
        except BaseException:
            path.unlink(missing_ok=True)
            raise
