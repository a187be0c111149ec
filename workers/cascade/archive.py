"""A `.cascade` archive: the objects of one cascade in a plainly stored zip, opened as if a stranger had sent it."""

from __future__ import annotations

import io
import re
import zipfile

from farm.errors import CascadeInvalid
from workers.cascade.container import CONFIG_NAME, file_names, load_cascade

MAX_ARCHIVE_BYTES = 2**30
_NAME = re.compile(r"cascade\.json|[0-7]-(base|upscaler)\.safetensors|judge\.safetensors", re.ASCII)
_ENCRYPTED = 1


def open_archive(body: bytes) -> tuple[str, dict[str, bytes]]:
    """Check an archive to the last tensor -> the cascade's digest and its objects by name.

    Raises CascadeInvalid naming what is wrong. Nothing is written anywhere, and a file is only ever read into memory
    whose size the archive's own size bounds: entries are stored, never compressed.
    """
    if len(body) > MAX_ARCHIVE_BYTES:
        raise CascadeInvalid(f"the archive has {len(body)} bytes, more than {MAX_ARCHIVE_BYTES}")
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            _check_entries(archive.infolist())
            objects = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, EOFError) as error:
        raise CascadeInvalid(f"the archive cannot be read: {error}") from error
    cascade = load_cascade(objects.__getitem__)
    wanted = {CONFIG_NAME, *file_names(cascade.config)}
    if extra := sorted(set(objects) - wanted):
        raise CascadeInvalid(f"the archive holds {extra[0]}, which its {CONFIG_NAME} does not name")
    return cascade.digest, objects


def _check_entries(entries: list[zipfile.ZipInfo]) -> None:
    seen: set[str] = set()
    for entry in entries:
        if not _NAME.fullmatch(entry.filename):
            raise CascadeInvalid(f"the archive holds {entry.filename!r}, which does not belong into a cascade")
        if entry.filename in seen:
            raise CascadeInvalid(f"the archive holds {entry.filename} twice")
        if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & _ENCRYPTED:
            raise CascadeInvalid(
                f"the archive's {entry.filename} is compressed or encrypted; it must be stored plainly"
            )
        seen.add(entry.filename)
