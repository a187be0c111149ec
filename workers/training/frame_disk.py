"""Decoded frames on this machine's disk: all of them in one memory-mapped file where they fit, else a part of them.

Either way the frames are the same to the byte.
"""

import contextlib
import os
import shutil
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from farm.recipe import canonical_digest
from workers.training.data import Frames, Photo, PhotoSource, Pixels, Tell, read_frame, silent
from workers.training.frame_stream import DECODERS, FrameStream, Shelf

_DECODING = 2
"""Changes when the same photos come out of decoding with other bytes."""


class FrameCache:
    """All frames in one memory-mapped file, so that slices and loader threads share the pages."""

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


@dataclass(frozen=True, kw_only=True)
class FrameDisk:
    """A folder for decoded frames, and where the photos come from.

    room_bytes: what frames in `folder` may take together, those of other runs go first; None is no bound.
    shelf: rank and world of this process; ranks have shelves of their own for frames that do not all fit.
    """

    source: PhotoSource
    folder: Path
    room_bytes: int | None = None
    shelf: tuple[int, int] = (0, 1)
    tell: Tell = silent
    _opened: set[Path] = field(default_factory=set)

    def open(
        self, photos: tuple[Photo, ...], *, size_px: int | None, most_px: int | None = None, whole: bool = False
    ) -> Frames:
        """The frames of `photos`; where all fit they are decoded now, if they are not there.

        size_px: side of every frame; None: each at its own, but at most `most_px`. whole: all of them
        stay, whatever the room: they are few and needed in no known order. The frames' digest names photos and
        size; a half-written file never has its final name. Raises PhotoRefused naming a photo that cannot be decoded.
        """
        most = [photo.frame_px if most_px is None else min(most_px, photo.frame_px) for photo in photos]
        sides = tuple(most if size_px is None else [size_px] * len(photos))
        digest = canonical_digest({"photos": [asdict(photo) for photo in photos], "size_px": size_px, "version": 1})
        name = "frames-" + canonical_digest({"of": digest, "sides": sides, "decoding": _DECODING})[:24]
        path, wanted_bytes = self.folder / f"{name}.u8", sum(3 * side * side for side in sides)
        if self.room_bytes is not None and wanted_bytes > self.room_bytes and not whole:
            self._make_room(self.room_bytes, keep=self.folder / name)
            rank, world = self.shelf
            shelf = Shelf(self.folder / name / str(rank), room_bytes=self.room_bytes // world)
            return FrameStream(shelf, photos, sides_px=sides, digest=digest, source=self.source)
        if not path.is_file() or path.stat().st_size != wanted_bytes:
            self._make_room(wanted_bytes, keep=path)
            write_pictures(path, self._decoded(photos, sides), tell=self.tell)
        self._opened.add(path)
        path.touch()
        return FrameCache(path, photos, sides_px=sides, digest=digest)

    def _decoded(self, photos: tuple[Photo, ...], sides_px: tuple[int, ...]) -> Iterator[Pixels]:
        """The frames in order, a few photos ahead on threads."""
        threads = ThreadPoolExecutor(DECODERS, thread_name_prefix="photos")
        under_way: deque[Future[Pixels]] = deque()
        try:
            for photo, side in zip(photos, sides_px, strict=True):
                under_way.append(threads.submit(read_frame, self.source, photo, side))
                if len(under_way) > 2 * DECODERS:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            # Not waited for: a photo on its way may never come. Closing the source ends them.
            threads.shutdown(wait=False, cancel_futures=True)

    def _make_room(self, wanted_bytes: int, *, keep: Path) -> None:
        """Delete the oldest frames of other runs until so many bytes fit in. Ranks share the folder: files may go."""
        if self.room_bytes is None:
            return
        self._opened.add(keep)
        found = {path: bytes_of(path) for path in self.folder.glob("frames-*")}
        total = wanted_bytes + sum(size for path, size in found.items() if path != keep)
        for path in sorted(found.keys() - self._opened, key=used_at):
            if total <= self.room_bytes:
                break
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            total -= found[path]


def bytes_of(path: Path) -> int:
    """Of a file, or of all files under a folder; one that goes meanwhile has none."""
    files = [path] if not path.is_dir() else [Path(at, name) for at, _, names in os.walk(path) for name in names]
    size_bytes = 0
    for file in files:
        with contextlib.suppress(FileNotFoundError):
            size_bytes += file.stat().st_size
    return size_bytes


def used_at(path: Path) -> float:
    """When it was written or touched last, seconds since 1970; 0 where it went meanwhile."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def write_pictures(path: Path, pictures: Iterable[Pixels], *, tell: Tell) -> None:
    """The pictures' bytes one after another, under a temporary name until all are there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            for count, picture in enumerate(pictures, start=1):
                file.write(np.ascontiguousarray(picture).tobytes())
                tell(f"{path.stem}: {count} pictures")
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
    finally:
        temporary.unlink(missing_ok=True)
