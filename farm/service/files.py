"""Files of the user's own, read and written with errors in words."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from farm.errors import InvalidInput, Problem, TooLarge


def read_whole(path: Path, *, max_bytes: int) -> bytes:
    """The file's bytes. Raises InvalidInput where it cannot be read, TooLarge beyond `max_bytes`."""
    try:
        if path.stat().st_size > max_bytes:
            raise TooLarge(f"{path} has {path.stat().st_size:,} bytes; this farm takes {max_bytes:,}")
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read", problems=[Problem("", error.strerror or str(error))]) from error


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """An open file that becomes `path` when all went well, and vanishes otherwise. Makes the folders above it.

    Raises InvalidInput where nothing can be written there.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with fresh.open("wb") as file:
            yield file
        fresh.replace(path)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written", problems=[Problem("", error.strerror or str(error))]) from error
    finally:
        fresh.unlink(missing_ok=True)


def write_whole(path: Path, body: bytes) -> None:
    """Write the file whole or not at all. Raises InvalidInput where that is not possible."""
    with replacing(path) as file:
        file.write(body)
