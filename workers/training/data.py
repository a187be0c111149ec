"""Photographs as training sees them: chosen from a dataset's manifest, decoded, cropped to the face frame."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow.parquet as parquet

from farm.errors import InvalidInput, NotFound, PhotoRefused
from workers.photos.opening import open_photo

Pixels = npt.NDArray[np.uint8]
Tell = Callable[[str], None]
"""Called between pictures while a cache is made, with what was done: long work must not look like a hang."""

PHOTO_MAX_BYTES = 1_000_000_000
PHOTO_MAX_PX = 200_000_000
# Above every policy: curation kept the photo under its own, tighter ones.

COLUMNS = ("sha256", "ext", "verdict", "split", "frame_x", "frame_y", "frame_px", "native_px")
TEACHES = "teaches"
SHRINKS = (8, 4, 2)
"""A JPEG's decoder gives such parts of a picture in a fraction of the time."""
LADDER_PX = (64, 4096)
"""Verdicts are told of every power of two from the first to the last."""


def silent(_: str) -> None:
    """Tells nobody."""


@dataclass(frozen=True, order=True, kw_only=True)
class Photo:
    """One row of the manifest: its bytes' name, its face frame in upright pixels, its native size within the frame."""

    sha256: str
    ext: str
    frame_x: int
    frame_y: int
    frame_px: int
    native_px: int


def teaching_photos(data_dir: Path, *, split: str, min_native_px: int, size_px: int) -> tuple[Photo, ...]:
    """Kept photos of one split that may teach a stage of output `size_px`, ordered by sha256.

    They have true detail of at least `min_native_px` in their frame, and their verdict lets them teach that size; a
    manifest of version 1 has no such verdicts.

    Raises NotFound without a manifest, InvalidInput if no photo is left.
    """
    path = data_dir / "manifest.parquet"
    if not path.is_file():
        raise NotFound(f"{path} is missing: this is not a dataset's folder")
    judged = TEACHES in parquet.read_schema(path).names
    rows = parquet.read_table(path, columns=[*COLUMNS, TEACHES] if judged else list(COLUMNS)).to_pylist()
    photos = {
        _photo(row)
        for row in rows
        if row["verdict"] == "keep" and row["split"] == split and row["native_px"] >= min_native_px
        if row.get(TEACHES) is None or rung_px(size_px) in row[TEACHES]
    }
    if not photos:
        here = f"none of the dataset's {len(rows):,} photos will do" if rows else "the dataset is empty"
        raise InvalidInput(
            f"no photo of split {split!r} has true detail of {min_native_px} px and may teach {size_px} px: {here}; "
            "add larger photos, or train a smaller stage"
        )
    return tuple(sorted(photos))


def rung_px(size_px: int) -> int:
    """The size of the verdicts that a stage's output of `size_px` falls under: the next power of two, 64 … 4096."""
    return min(max(1 << (size_px - 1).bit_length(), LADDER_PX[0]), LADDER_PX[1])


def _photo(row: Mapping[str, Any]) -> Photo:
    return Photo(
        sha256=row["sha256"],
        ext=row["ext"],
        frame_x=int(row["frame_x"]),
        frame_y=int(row["frame_y"]),
        frame_px=int(row["frame_px"]),
        native_px=int(row["native_px"]),
    )


class Frames(Protocol):
    """Decoded face frames, uint8 RGB, by index. digest: names the photos, their frames and their size."""

    photos: tuple[Photo, ...]
    digest: str

    def __len__(self) -> int:
        """How many there are."""

    def frame(self, index: int) -> Pixels:
        """[side, side, 3], not to be written to. Raises PhotoRefused naming a photo that cannot be decoded."""


class PhotoSource(Protocol):
    """Where a photo's bytes come from."""

    def body(self, photo: Photo) -> bytes:
        """The file's bytes; may wait for them. Raises PhotoRefused naming it if it cannot be read."""

    def close(self) -> None:
        """Whoever waits for bytes waits no longer."""


@dataclass(frozen=True)
class PhotoFolder:
    """Photos that lie on this machine, as <sha256>.<ext>."""

    folder: Path

    def body(self, photo: Photo) -> bytes:
        """The file's bytes. Raises PhotoRefused naming it if it cannot be read."""
        path = self.folder / file_name(photo)
        try:
            return path.read_bytes()
        except OSError as error:
            raise PhotoRefused(f"{path.name} cannot be read: {error.strerror}") from error

    def close(self) -> None:
        """Nobody waits for a file that is here."""


def file_name(photo: Photo) -> str:
    """<sha256>.<ext>."""
    return f"{photo.sha256}.{photo.ext}"


def read_frame(source: PhotoSource, photo: Photo, side_px: int | None = None) -> Pixels:
    """The photo's face frame, upright, RGB, reduced to [side_px, side_px, 3]; None keeps its [frame_px, frame_px, 3].

    Where the frame leaves the photo, the edge is repeated. A JPEG of which at most half is needed is decoded at a part
    of its size that is still twice what is needed; the frame's corner then lies on whole decoded pixels, at most a
    quarter of a kept pixel beside. Raises PhotoRefused naming the file if it is missing or cannot be decoded.
    """
    side = photo.frame_px if side_px is None else side_px
    shrink = next((by for by in SHRINKS if photo.frame_px >= 2 * by * side), 1)
    body = source.body(photo)
    try:
        opened = open_photo(body, max_bytes=PHOTO_MAX_BYTES, max_px=PHOTO_MAX_PX, shrink=shrink)
    except PhotoRefused as error:
        raise PhotoRefused(f"{file_name(photo)} cannot be decoded: {error.message}") from error
    came = round(opened.facts.width_px / opened.pixels.shape[1])
    here = {name: round(getattr(photo, name) / came) for name in ("frame_x", "frame_y", "frame_px")}
    return area_reduced(framed(opened.pixels, replace(photo, **here)), side)


def framed(pixels: Pixels, photo: Photo) -> Pixels:
    """The face frame of an opened photo, [frame_px, frame_px, 3]; where it leaves the photo, the edge is repeated."""
    height, width = pixels.shape[:2]
    rows = np.clip(np.arange(photo.frame_y, photo.frame_y + photo.frame_px), 0, height - 1)
    columns = np.clip(np.arange(photo.frame_x, photo.frame_x + photo.frame_px), 0, width - 1)
    return np.ascontiguousarray(pixels[np.ix_(rows, columns)])


def area_reduced(pixels: Pixels, side_px: int) -> Pixels:
    """Area mean of sRGB-encoded values, rounded: [s, s, 3] -> [side, side, 3]; enlarges bilinearly if it must."""
    if pixels.shape[0] == side_px:
        return pixels
    shrinks = side_px < pixels.shape[0]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    reduced = cv2.resize(pixels, (side_px, side_px), interpolation=method)
    return np.asarray(reduced, dtype=np.uint8)
