"""WebDataset shards: tar files of so many portraits each, every one with its recipe beside it as JSON.

`000000.tar` holds the first portraits of the job in order of seed, as <seed>.png and <seed>.json, and so on. Nothing
in a shard tells of the time or the machine, so that equal portraits give equal bytes, however often the export was
broken off. A failed portrait is left out; once a retry has mended it, the next export writes its shard anew.
"""

import hashlib
import io
import itertools
import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from farm.errors import InvalidInput, Problem
from farm.recipe import PNG_KEYWORD, canonical_json, read_png_text
from farm.service.exporting import Ending, Exported, Source, appearing, prepared, told
from farm.service.views import PortraitView

SHARD_SIZE = 10_000
MARK = "export.json"
"""What the shards of a folder are of."""


def export_shards(source: Source, folder: Path, *, shard_size: int = SHARD_SIZE) -> Iterator[Exported]:
    """Every portrait in its shard; a shard appears once all of its portraits are settled.

    Raises WorkFailed where nothing more can be written, InvalidInput where the folder holds other shards.
    """
    with prepared(folder):
        _mark(folder, {"format": "webdataset", "job": source.job_id, "shard_size": shard_size})
        views = (view for view in source.views() if view is not None)
        for number in itertools.count():
            members = tuple(itertools.islice(views, shard_size))
            if not members:
                return
            yield from _shard(source, members, folder / f"{number:06d}.tar")


def _shard(source: Source, members: tuple[PortraitView, ...], path: Path) -> Iterator[Exported]:
    stored = [view for view in members if view.stored is not None]
    early = any(view.stored is None and view.error is None for view in members) and not source.follow
    if early or not stored:
        for view in members:
            ending = Ending.FAILED if view.error and view.stored is None else Ending.WAITING
            yield Exported(seed=view.seed, ending=ending, detail=view.error or "")
        return
    if _holds(path, stored):
        yield from (_kept(view) for view in members)
        return
    with appearing(path) as fresh, fresh.open("wb") as file:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as shard:
            for view, found in source.fetched(members):
                yield _add(shard, view, found)
        file.flush()
        os.fsync(file.fileno())


def _kept(view: PortraitView) -> Exported:
    if view.stored is None:
        return Exported(seed=view.seed, ending=Ending.FAILED, detail=view.error or "")
    return Exported(seed=view.seed, ending=Ending.KEPT)


def _add(shard: tarfile.TarFile, view: PortraitView, found: bytes | Exported) -> Exported:
    if isinstance(found, Exported):
        return found
    try:
        beside = _recipe_json(view, found)
    except InvalidInput as error:
        return Exported(seed=view.seed, ending=Ending.DAMAGED, detail=error.message)
    for name, body in ((_name(view), found), (f"{view.seed}.json", beside)):
        member = tarfile.TarInfo(name)  # no owner, no time: equal portraits give equal bytes
        member.size, member.mode = len(body), 0o644
        shard.addfile(member, io.BytesIO(body))
    return Exported(seed=view.seed, ending=Ending.FETCHED)


def _holds(path: Path, views: list[PortraitView]) -> bool:
    """True where the file is the shard of just these portraits."""
    try:
        with path.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as shard:
            for view in views:
                name, body = _next(shard)
                if view.stored is None or name != _name(view) or hashlib.sha256(body).hexdigest() != view.stored.sha256:
                    return False
                if _next(shard) != (f"{view.seed}.json", _recipe_json(view, body)):
                    return False
            return _next(shard) == ("", b"") and _ends_well(file)
    except (OSError, tarfile.TarError, InvalidInput):
        return False


def _next(shard: tarfile.TarFile) -> tuple[str, bytes]:
    """Name and bytes of the next member; two empty ones at the end."""
    member = shard.next()
    file: IO[bytes] | None = shard.extractfile(member) if member is not None else None
    return (member.name, file.read()) if member is not None and file is not None else ("", b"")


def _ends_well(file: IO[bytes]) -> bool:
    """True where the file is as long as a tar file is: whole records."""
    return file.seek(0, os.SEEK_END) % tarfile.RECORDSIZE == 0


def _name(view: PortraitView) -> str:
    return f"{view.seed}.{view.stored.key.rpartition('.')[2] if view.stored else 'png'}"


def _recipe_json(view: PortraitView, body: bytes) -> bytes:
    """The recipe as its file carries it; of another kind of file its digest. Raises InvalidInput."""
    if not _name(view).endswith(".png"):
        return canonical_json({"digest": view.recipe})
    text = read_png_text(body).get(PNG_KEYWORD)
    if text is None:
        raise InvalidInput("the PNG carries no recipe")
    return text.encode()


def _mark(folder: Path, wanted: dict[str, object]) -> None:
    path = folder / MARK
    with told(folder):
        if not path.exists():
            with appearing(path) as fresh:
                fresh.write_bytes(canonical_json(wanted))
            return
        body = path.read_bytes()
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if found != wanted:
        problem = Problem("DIR", f"{path} says {body[:200].decode(errors='replace')}; choose another folder")
        raise InvalidInput("the folder holds the shards of another export", problems=[problem])
