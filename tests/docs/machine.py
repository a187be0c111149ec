"""A newcomer's machine: a clone whose environment is installed, a home of its own, some photographs in it."""

import os
import shutil
import sys
from pathlib import Path

from tests.docs.markdown import ROOT
from tests.services.process import free_ports

SHOWN = (
    "README.md",
    "Makefile",
    "pyproject.toml",
    "constraints.txt",
    "docker-compose.yml",
    "deploy",
    "docs",
    "farm",
    "workers",
)
PHOTOS = ("001.jpg", "006.jpg", "009.jpg", "010.jpg", "people.csv")


def make_clone(folder: Path) -> Path:
    """A clone as it is after `make install`: our files, and this Python's environment as its .venv."""
    clone = folder / "portraits-of-nobody"
    (clone / ".venv").mkdir(parents=True)
    for name in SHOWN:
        if (ROOT / name).exists():
            (clone / name).symlink_to(ROOT / name)
    for part in Path(sys.prefix).iterdir():
        if part.name != "installed":
            (clone / ".venv" / part.name).symlink_to(part)
    (clone / ".venv/installed").touch()
    return clone


def stock_home(folder: Path) -> Path:
    """A home with four photographs and one file that only calls itself a photograph."""
    home = folder / "you"
    faces = home / "Pictures/faces"
    faces.mkdir(parents=True)
    for name in PHOTOS:
        shutil.copy(ROOT / "deploy/demo/photos" / name, faces / name)
    (faces / "broken.jpg").write_bytes(b"\xff\xd8\xff not a photograph")
    return home


def make_environment(*, home: Path, clone: Path) -> dict[str, str]:
    """Of a shell there: nothing of this machine's own farms; free ports; one torch thread."""
    kept = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "SSL_CERT_FILE")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    (port,) = free_ports(1)
    environment["PATH"] = f"{clone}/.venv/bin:{environment['PATH']}"
    ours = {"FARM_API_PORT": str(port), "FARM_THREADS": "1", "FARM_DEVICE": "cpu"}
    return environment | ours | {"HOME": str(home), "PYTHONUNBUFFERED": "1", "TERM": "dumb"}
