"""Photographs as training sees them: chosen from a dataset's manifest, cropped to the face frame, decoded once.

Decoded frames lie in one memory-mapped file, keyed by what went into it, so slices and loader threads share the pages.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow.parquet as parquet

from farm.errors import InvalidInput, NotFound, PhotoRefused
from farm.recipe import canonical_digest
from workers.photos.opening import open_photo

Pixels = npt.NDArray[np.uint8]
Tell = Callable[[str], None]
"""Called between pictures while a cache is made, with what was done: long work must not look like a hang."""

PHOTO_MAX_BYTES = 1_000_000_000
PHOTO_MAX_PX = 200_000_000
# Above every policy: curation kept the photo under its own, tighter ones.

COLUMNS = ("sha256", "ext", "verdict", "split", "frame_x", "frame_y", "frame_px", "native_px")
TEACHES = "teaches"
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
        raise InvalidInput(
            f"no photo of split {split!r} has true detail of {min_native_px} px and may teach {size_px} px"
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


class FrameCache:
    """Decoded face frames, uint8 RGB, in one memory-mapped file."""

    def __init__(self, path: Path, photos: tuple[Photo, ...], *, sides_px: tuple[int, ...], digest: str) -> None:
        self.photos = photos
        self.sides_px = sides_px
        self.digest = digest
        self._starts = np.concatenate([[0], np.cumsum([3 * side * side for side in sides_px])])
        self._pixels = np.memmap(path, dtype=np.uint8, mode="r", shape=(int(self._starts[-1]),))

    def __len__(self) -> int:
        return len(self.photos)

    def frame(self, index: int) -> Pixels:
        """[side, side, 3], a view into the file."""
        side = self.sides_px[index]
        return self._pixels[self._starts[index] : self._starts[index + 1]].reshape(side, side, 3)


def open_frames(
    data_dir: Path, *, cache_dir: Path, photos: tuple[Photo, ...], size_px: int | None, tell: Tell = silent
) -> FrameCache:
    """The cache of `photos`, decoded now if it is not there; size_px: side of every frame, None: each at its own size.

    The digest names the photos, frames and size; a half-written cache never has its final name.
    """
    sides = tuple(photo.frame_px if size_px is None else size_px for photo in photos)
    digest = canonical_digest({"photos": [asdict(photo) for photo in photos], "size_px": size_px, "version": 1})
    path = cache_dir / f"frames-{digest[:24]}.u8"
    expected_bytes = sum(3 * side * side for side in sides)
    if not path.is_file() or path.stat().st_size != expected_bytes:
        frames = (area_reduced(read_frame(data_dir, photo), side) for photo, side in zip(photos, sides, strict=True))
        write_pictures(path, frames, tell=tell)
    return FrameCache(path, photos, sides_px=sides, digest=digest)


def write_pictures(path: Path, pictures: Iterable[Pixels], *, tell: Tell) -> None:
    """The pictures' bytes one after another, under a temporary name until all are there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("wb") as file:
        for count, picture in enumerate(pictures, start=1):
            file.write(np.ascontiguousarray(picture).tobytes())
            tell(f"{path.stem}: {count} pictures")
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)


def read_frame(data_dir: Path, photo: Photo) -> Pixels:
    """The photo's face frame, upright, RGB: [frame_px, frame_px, 3]; where it leaves the photo, the edge is repeated.

    Raises PhotoRefused naming the file if it is missing or cannot be decoded.
    """
    path = data_dir / "photos" / f"{photo.sha256}.{photo.ext}"
    try:
        pixels = open_photo(path.read_bytes(), max_bytes=PHOTO_MAX_BYTES, max_px=PHOTO_MAX_PX).pixels
    except OSError as error:
        raise PhotoRefused(f"{path.name} cannot be read: {error.strerror}") from error
    except PhotoRefused as error:
        raise PhotoRefused(f"{path.name} cannot be decoded: {error.message}") from error
    return framed(pixels, photo)


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
