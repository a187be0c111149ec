"""The cascade that ships with the project, with its trained weights."""

from pathlib import Path

from workers.cascade.archive import open_archive
from workers.cascade.cascade import Cascade
from workers.cascade.container import load_cascade

ARCHIVE = Path(__file__).parents[3] / "deploy" / "demo" / "cascade" / "demo.cascade"


def shipped_cascade(*, device: str = "cpu") -> Cascade:
    _, objects = open_archive(ARCHIVE.read_bytes())
    return load_cascade(objects.__getitem__, device=device)
