"""A film's stored frames, put together: one file a codec."""

import hashlib
import io
import logging
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from importlib import metadata
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from farm.errors import NotFound, WorkFailed
from farm.ledger.rows import PortraitRow
from farm.recipe import canonical_json
from farm.specs import FilmSpec
from farm.storage import Storage, keys
from workers.lifecycle import Assignment
from workers.rendering.film import FilmFormat, FilmWriter
from workers.tasks.result_list import ResultList, errors_of

_log = logging.getLogger(__name__)

PAGE_FRAMES = 500
"""Frames looked up at once."""
NAMED_FRAMES = 20
"""So many failed frames are named in the log."""


def write_films(
    results: ResultList, spec: FilmSpec, *, storage: Storage, cache: Path, assignment: Assignment
) -> dict[str, str]:
    """Write the film of a settled job; codec → key. Nothing where frames failed: a film has no holes.

    One frame is in memory at a time; the files grow in a folder below `cache`.
    Raises WorkFailed naming the frame that is missing or damaged, StorageUnavailable.
    """
    failed = sorted(errors_of(results.ledger, results.job_id))
    if failed:
        named = ", ".join(map(str, failed[:NAMED_FRAMES])) + ("" if len(failed) <= NAMED_FRAMES else ", …")
        _log.warning("the film is not put together: %d of its frames failed: %s", len(failed), named)
        return {}
    claim = assignment.claim
    folder = cache / f"film-{claim.task_id}.{claim.attempt}"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        files = {codec: folder / f"{codec}.mp4" for codec in spec.codecs}
        with ExitStack() as open_files:
            writers = [
                open_files.enter_context(FilmWriter(path, _format(spec, codec))) for codec, path in files.items()
            ]
            for picture in _frames(results, spec, storage):
                if assignment.stop:
                    return {}
                for writer in writers:
                    writer.add(picture)
                assignment.alive()
        if assignment.stop:  # ending a film takes its time, in which the task may have gone to another worker
            return {}
        return {codec: _store(results.job_id, codec, path, storage) for codec, path in files.items()}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _store(job_id: int, codec: str, path: Path, storage: Storage) -> str:
    key = keys.film(job_id, codec)
    storage.put_file(key, path, if_absent=False)
    _log.info("%s has %d bytes", key, path.stat().st_size)
    return key


def _format(spec: FilmSpec, codec: str) -> FilmFormat:
    software = {"farm": metadata.version("portrait-farm"), "av": av.__version__, "ffmpeg": av.ffmpeg_version_info}
    recipe = {"version": 1, "film": spec.model_dump(mode="json"), "software": software}
    return FilmFormat(
        codec=codec,
        side_px=spec.size_px,
        fps=spec.fps,
        quality=spec.quality,
        comment=canonical_json(recipe).decode(),
    )


def _frames(results: ResultList, spec: FilmSpec, storage: Storage) -> Iterator[NDArray[np.uint8]]:
    """The pictures in order; one that is held is read once."""
    held, picture = "", np.empty(0, np.uint8)
    for start in range(0, spec.frames, PAGE_FRAMES):
        page = results.portraits_at(range(start, min(start + PAGE_FRAMES, spec.frames)))
        for frame, row in page:
            if row is None:
                raise WorkFailed(f"frame {frame} is not stored: `farm retry {results.job_id}` paints what is missing")
            if row.recipe != held:
                held, picture = row.recipe, _picture(frame, row, storage)
            yield picture


def _picture(frame: int, row: PortraitRow, storage: Storage) -> NDArray[np.uint8]:
    try:
        body = storage.get(row.key)
    except NotFound as error:
        raise WorkFailed(f"frame {frame} is gone: {error.message}") from error
    if hashlib.sha256(body).hexdigest() != row.sha256:
        raise WorkFailed(f"frame {frame} is damaged: {row.key} is not what was stored")
    with Image.open(io.BytesIO(body)) as opened:
        return np.asarray(opened.convert("RGB"))
