"""Photographs on their way in: a folder's files, their bytes into storage, and the list a curate job looks at."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from farm.errors import InvalidInput, Problem, TooLarge
from farm.service.people import PEOPLE_FILE, read_people
from farm.specs.intake import Intake, IntakePhoto, extension_of
from farm.storage import Storage, keys

HEAD_BYTES = 16
MAX_NAME = 1024


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """One file to look at: what the user calls it, where it lies, and whom it shows where that is known."""

    name: str
    path: Path
    person: str | None = None


@dataclass(frozen=True, kw_only=True)
class StoredPhoto:
    """One photo in storage. `created` is False where the same bytes were there already."""

    sha256: str
    ext: str
    size_bytes: int
    created: bool


def files_in(folder: Path) -> list[SourceFile]:
    """Every file below `folder` in order of name, hidden ones and people.csv aside.

    people.csv (columns file, person) says who is who. Raises InvalidInput where the folder or that file is wrong, or
    there is nothing in it.
    """
    if not folder.is_dir():
        raise InvalidInput(f"{folder} is not a folder", problems=[Problem("folder", "give a folder of photographs")])
    people = _people(folder / PEOPLE_FILE)
    found = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        hidden = any(part.startswith(".") for part in name.split("/"))
        if path.is_file() and not hidden and name != PEOPLE_FILE:
            found.append(SourceFile(name=name, path=path, person=people.get(name)))
    if not found:
        raise InvalidInput(f"{folder} holds no files", problems=[Problem("folder", "give a folder of photographs")])
    return found


def _people(path: Path) -> Mapping[str, str]:
    if not path.is_file():
        return {}
    try:
        return read_people(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read", problems=[Problem(PEOPLE_FILE, str(error))]) from error


def store_photo(body: bytes, *, storage: Storage, max_bytes: int) -> StoredPhoto:
    """Keep a photo's bytes under their sha256. Whether they are a photograph is for curation to say.

    Raises InvalidInput on an empty body, TooLarge beyond `max_bytes`.
    """
    if not body:
        raise InvalidInput("the photo is empty", problems=[Problem("", "send the bytes of the file")])
    if len(body) > max_bytes:
        raise TooLarge(f"the photo has {len(body):,} bytes; this farm takes {max_bytes:,}")
    sha256, ext = hashlib.sha256(body).hexdigest(), extension_of(body[:HEAD_BYTES])
    created = storage.put(keys.photo(sha256, ext), body)
    return StoredPhoto(sha256=sha256, ext=ext, size_bytes=len(body), created=created)


def store_files(
    files: Iterable[SourceFile], *, storage: Storage, max_bytes: int, on_file: Callable[[], None] = lambda: None
) -> Intake:
    """Keep every file's bytes, one at a time, and list them. `on_file` is called after each.

    A file that cannot be taken is listed with its reason, so that the dataset has a verdict for it.
    """

    def listed() -> Iterator[IntakePhoto]:
        for file in files:
            yield _listed(file, storage=storage, max_bytes=max_bytes)
            on_file()

    return Intake(photos=tuple(listed()))


def _listed(file: SourceFile, *, storage: Storage, max_bytes: int) -> IntakePhoto:
    # Names of files may hold bytes that are no text; JSON has no room for them.
    name = file.name.encode(errors="replace").decode()[-MAX_NAME:]
    try:
        if (size_bytes := file.path.stat().st_size) > max_bytes:
            reason = f"too large: {size_bytes:,} bytes, this farm takes {max_bytes:,}"
            return IntakePhoto(name=name, sha256=None, person=file.person, refused=reason)
        body = file.path.read_bytes()
    except OSError as error:
        return IntakePhoto(name=name, sha256=None, person=file.person, refused=f"cannot be read: {error.strerror}")
    if not body:
        return IntakePhoto(name=name, sha256=None, person=file.person, refused="the file is empty")
    stored = store_photo(body, storage=storage, max_bytes=max_bytes)
    return IntakePhoto(name=name, sha256=stored.sha256, ext=stored.ext, person=file.person)
