"""Where the embedded farm's Flower listens: a socket in a folder that its owner alone may enter."""

import shutil
import tempfile
from pathlib import Path

NAME = "flower.sock"
PATH_MAX_BYTES = 100
"""The kernel takes some 104 to 108 bytes of a socket's path."""


def make_socket_path(run: Path) -> Path:
    """A path in `run`, or in a new private folder where that would be too long. Flower has no login of its own: who
    may not enter the folder does not reach it."""
    run.mkdir(parents=True, exist_ok=True, mode=0o700)
    run.chmod(0o700)
    path = run / NAME
    return path if len(str(path).encode()) <= PATH_MAX_BYTES else Path(tempfile.mkdtemp(prefix="farm-")) / NAME


def remove_socket(path: Path, run: Path) -> None:
    """Remove the socket, and its folder where that was made for it alone."""
    path.unlink(missing_ok=True)
    if path.parent != run:
        shutil.rmtree(path.parent, ignore_errors=True)
