"""The photos of dataset versions as the farm's own side reads them: from photos.jsonl.gz, one at a time."""

import gzip
import json
import re
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from farm.errors import Conflict, InvalidInput, NotFound, Problem
from farm.ledger import Ledger
from farm.ledger.rows import Dataset
from farm.specs.fields import NAME
from farm.specs.policy import LADDER_PX
from farm.storage import Storage, keys

LINE_MAX_BYTES = 1 << 20
VERSION_DIGITS = 6

Photo = Mapping[str, Any]
"""One line of photos.jsonl.gz; workers/curation/photo_list.py says what stands in it."""


def parse_reference(reference: str) -> tuple[str, int | None]:
    """Name and version of `name` or `name@version`. Raises InvalidInput; NotFound for what can be no dataset's name."""
    name, at, version = reference.partition("@")
    if at and not (version.isascii() and version.isdecimal() and 0 < len(version) <= VERSION_DIGITS):
        raise InvalidInput("the dataset's name is wrong", problems=[Problem("NAME", "write name or name@version")])
    if not re.fullmatch(NAME, name, re.ASCII):
        raise NotFound(f"there is no dataset {reference}")
    return name, int(version) if at else None


def find_dataset(reference: str, *, ledger: Ledger) -> Dataset:
    """The version of `name@version`, or the newest of `name`. Raises NotFound, InvalidInput."""
    name, version = parse_reference(reference)
    return ledger.dataset(name, version)


def photos_of(row: Dataset, *, storage: Storage) -> Iterator[Photo]:
    """Every photo of a version by file; one is in memory at a time.

    Raises Conflict where the version was made before there were such lists, or its list is damaged.
    """
    named = f"{row.name}@{row.version}"
    anew = f"`farm dataset reverdict {named}` makes a version that has one"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "photos.jsonl.gz"
        try:
            storage.get_file(keys.dataset_photos(row.name, row.version), path)
        except NotFound as error:
            raise Conflict(f"dataset {named} has no list of photos: {anew}") from error
        try:
            with gzip.open(path) as file:
                while line := file.readline(LINE_MAX_BYTES):
                    yield json.loads(line)
        except (ValueError, EOFError, OSError, zlib.error) as error:
            raise Conflict(f"the list of photos of dataset {named} is damaged: {anew}") from error


def taught(photo: Photo) -> list[int]:
    """The sizes of the ladder that a photo may teach; of old versions all that lie below its native size."""
    if photo["verdict"] != "keep":
        return []
    if photo["teaches"] is None:
        return [size for size in LADDER_PX if size <= (photo["native_px"] or 0)]
    return [int(size) for size in photo["teaches"]]
