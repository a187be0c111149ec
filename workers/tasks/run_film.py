"""The film of a run: its sample sheets, all of the same seeds, one fading into the next."""

import io
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from farm.errors import NotFound
from farm.ledger.rows import Slice
from farm.storage import Storage, keys
from workers.rendering.film import FilmFormat, FilmWriter

FPS = 12
HELD, FADED = 8, 4
"""Frames a sheet stands still, and of its fading into the next: a second a sheet."""
LAST = 2 * FPS
"""Frames the last sheet stands."""
SIDE_PX = 720
CAPTION_PX = 36
_PAPER, _INK = (24, 24, 24), (220, 220, 220)

Frame = NDArray[np.uint8]


def run_film(slices: Sequence[Slice], *, storage: Storage, alive: Callable[[], None]) -> bytes | None:
    """An MP4 of the sheets of these slices, in order; None where not one of them left a sheet.

    Raises WorkFailed where FFmpeg does, StorageUnavailable.
    """
    with tempfile.TemporaryDirectory(prefix="run-film-") as folder:
        path, count = Path(folder) / "film.mp4", 0
        wanted = FilmFormat(codec="h264", side_px=SIDE_PX, fps=FPS, quality=80, comment="samples of a training run")
        with FilmWriter(path, wanted) as writer:
            for frame in film_frames(_sheets(slices, storage)):
                writer.add(frame)
                count += 1
                alive()
        return path.read_bytes() if count else None


def sheets_of(slices: Sequence[Slice], storage: Storage) -> list[tuple[int, str]]:
    """Images seen and key of every sheet that these slices' logs tell of, in order; one may be missing."""
    found = ((made, nimg) for made in slices for nimg in _sheet_nimgs(made, storage))
    return [(nimg, keys.sample_grid(made.run, nimg, made.attempt)) for made, nimg in found]


def film_frames(sheets: Iterator[Frame]) -> Iterator[Frame]:
    """Every sheet held, with a cross-fade to the next: (HELD + FADED) frames a sheet, the last HELD + LAST."""
    shown: Frame | None = None
    for sheet in sheets:
        if shown is not None:
            yield from (_mixed(shown, sheet, (index + 1) / (FADED + 1)) for index in range(FADED))
        yield from [sheet] * HELD
        shown = sheet
    if shown is not None:
        yield from [shown] * LAST


def film_frame(picture: Image.Image, caption: str) -> Frame:
    """A sheet as one frame [SIDE_PX, SIDE_PX, 3]: as large as it fits, whole times enlarged, its caption below it."""
    room = SIDE_PX - CAPTION_PX
    longest = max(picture.size)
    if longest > room:
        fitting = picture.resize([max(1, side * room // longest) for side in picture.size], Image.Resampling.BOX)
    else:
        times = room // longest
        fitting = picture.resize([side * times for side in picture.size], Image.Resampling.NEAREST)
    frame = Image.new("RGB", (SIDE_PX, SIDE_PX), _PAPER)
    frame.paste(fitting, ((SIDE_PX - fitting.width) // 2, (room - fitting.height) // 2))
    draw, font = ImageDraw.Draw(frame), ImageFont.load_default(20)
    draw.text((SIDE_PX // 2, SIDE_PX - CAPTION_PX // 2), caption, fill=_INK, font=font, anchor="mm")
    return np.asarray(frame)


def _sheets(slices: Sequence[Slice], storage: Storage) -> Iterator[Frame]:
    for nimg, key in sheets_of(slices, storage):
        try:
            body = storage.get(key)
        except NotFound:
            continue
        with Image.open(io.BytesIO(body), formats=["PNG"]) as opened:
            yield film_frame(opened.convert("RGB"), f"{nimg:,} images")


def _sheet_nimgs(made: Slice, storage: Storage) -> list[int]:
    try:
        log = storage.get(keys.slice_log(made.run, made.start_nimg, made.attempt))
    except NotFound:
        return [made.end_nimg]
    lines = map(json.loads, log.splitlines())
    return sorted({int(line["nimg"]) for line in lines if line.get("event") == "sample"})


def _mixed(before: Frame, after: Frame, share: float) -> Frame:
    mixed = before * np.float32(1 - share) + after * np.float32(share)
    return np.rint(mixed).astype(np.uint8)
