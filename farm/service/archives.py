"""A cascade as one file: a zip of its `cascade.json` and weights, stored without compression.

Equal cascades give equal bytes: fixed order, dates and rights.
"""

import io
import zipfile
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import IO

from farm.errors import CascadeInvalid, NotFound, Problem
from farm.storage import Storage, keys

CONFIG_FILE = "cascade.json"
_DATE = (1980, 1, 1, 0, 0, 0)


def write_archive(digest: str, target: IO[bytes], *, storage: Storage) -> None:
    """Write the cascade of that digest to an open file. Raises NotFound where storage does not hold it."""
    prefix = keys.cascade(digest)
    names = sorted(
        (info.key.removeprefix(prefix) for info in storage.list(prefix)), key=lambda n: (n != CONFIG_FILE, n)
    )
    if CONFIG_FILE not in names:
        raise NotFound(f"storage holds no cascade {digest}")
    pack(((name, storage.get(prefix + name)) for name in names), target)


def pack(objects: Iterable[tuple[str, bytes]], target: IO[bytes]) -> None:
    """Write a cascade's objects, in this order, to an open file."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name, body in objects:
            entry = zipfile.ZipInfo(name, date_time=_DATE)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, body)


def is_archive(body: bytes) -> bool:
    """True where the bytes begin as a zip file does."""
    return body[:4] == b"PK\x03\x04"


def check_archive(body: bytes) -> None:
    """A first look, so that a wrong file is refused when it is sent and not a minute later.

    The worker that imports it checks every tensor. Raises CascadeInvalid.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            problems = _problems(archive.infolist())
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        raise CascadeInvalid("this is not a cascade archive", problems=[Problem("archive", str(error))]) from error
    if problems:
        raise CascadeInvalid("this is not a cascade archive", problems=problems)


def _problems(entries: list[zipfile.ZipInfo]) -> list[Problem]:
    names = [entry.filename for entry in entries]
    found = [Problem("archive", f"holds no {CONFIG_FILE}")] if CONFIG_FILE not in names else []
    if len(set(names)) < len(names):
        found.append(Problem("archive", "holds one name twice"))
    for entry in entries:
        plain = PurePosixPath(entry.filename).name == entry.filename
        if not plain or not entry.filename.endswith((".json", ".safetensors")):
            found.append(Problem("archive", f"{entry.filename!r} does not belong into a cascade"))
        elif entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
            found.append(
                Problem("archive", f"{entry.filename} is compressed or encrypted; `farm cascade export` stores plainly")
            )
    return found[:20]
