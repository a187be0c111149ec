"""Frames of a dataset that does not fit the disk: decoded ahead of the step that shows them, kept while room lasts.

Which photo comes when is a pure function of the run's seed, so the future is known: a few batches ahead are fetched and
decoded on threads, and where room is needed the frame goes whose next use is furthest away, which no other rule beats
(Belady 1966, A study of replacement algorithms for a virtual-storage computer, MIN).
"""

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from farm.errors import InvalidInput
from workers.training.data import Photo, PhotoSource, Pixels, read_frame
from workers.training.randomness import permutation

DECODERS = 4
"""Threads that fetch and decode; each may hold a whole photo in memory."""
_AHEAD_BATCHES = 4
_NEVER = 2**62
_ASKED_S = 0.2

Places = npt.NDArray[np.int64]


def next_uses(slots: Places, *, run_seed: int, at: int, count: int) -> Places:
    """For each of `count` photos the first image index from `at` on that shows it, within this epoch and the next.

    slots: the photo of each place of an epoch, [size]; image i shows photo slots[photo_of(run_seed, i, size)].
    """
    size, uses = len(slots), np.full(count, _NEVER, dtype=np.int64)
    epoch = at // size
    for each in (epoch, epoch + 1):
        positions = each * size + np.arange(size)
        shown = slots[permutation(run_seed, each, size)]
        np.minimum.at(uses, shown[positions >= at], positions[positions >= at])
    return uses


class Shelf:
    """Frames as files in one folder, never more than `room_bytes` of them.

    One process uses it at a time, from several threads; one that is killed leaves whole files, and parts that the next
    one removes.
    """

    def __init__(self, folder: Path, *, room_bytes: int) -> None:
        self.room_bytes = room_bytes
        self._folder = folder
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        os.utime(folder.parent)
        for part in folder.glob(".*"):
            part.unlink()
        self._sizes = {path.name: path.stat().st_size for path in folder.iterdir()}

    def find(self, name: str, size_bytes: int) -> Pixels | None:
        """The bytes of that name; None where they are not there, or not all of them."""
        if self._sizes.get(name) != size_bytes:
            return None
        try:
            return np.memmap(self._folder / name, dtype=np.uint8, mode="r")
        except FileNotFoundError:
            return None

    def put(self, name: str, pixels: Pixels, *, last_first: Callable[[Iterable[str]], list[str]]) -> None:
        """Keep a frame. `last_first` orders names by when they are needed, those that go in front."""
        temporary = self._folder / f".{name}"
        with self._lock:
            self._sizes.pop(name, None)
            used_bytes = sum(self._sizes.values()) + pixels.size
            for other in last_first(self._sizes) if used_bytes > self.room_bytes else ():
                (self._folder / other).unlink(missing_ok=True)
                used_bytes -= self._sizes.pop(other)
                if used_bytes <= self.room_bytes:
                    break
            try:
                with temporary.open("wb") as file:
                    file.write(np.ascontiguousarray(pixels).tobytes())
                    file.flush()
                    os.fsync(file.fileno())
                temporary.rename(self._folder / name)
            finally:
                temporary.unlink(missing_ok=True)
            self._sizes[name] = pixels.size


class FrameStream:
    """Frames of `photos`, as many of them on the shelf as it has room for."""

    def __init__(
        self, shelf: Shelf, photos: tuple[Photo, ...], *, sides_px: tuple[int, ...], digest: str, source: PhotoSource
    ) -> None:
        self.photos = photos
        self.sides_px = sides_px
        self.digest = digest
        self._shelf, self._source = shelf, source
        self._threads = ThreadPoolExecutor(DECODERS, thread_name_prefix="photos")
        self._lock = threading.Lock()
        self._coming: dict[int, Future[Pixels]] = {}
        self._uses = np.full(len(photos), _NEVER, dtype=np.int64)
        self._order: Order | None = None

    def __len__(self) -> int:
        return len(self.photos)

    def frame(self, index: int) -> Pixels:
        """[side, side, 3]; waits for it where it is not here. Raises PhotoRefused naming a photo."""
        side = self.sides_px[index]
        found = self._shelf.find(str(index), 3 * side * side)
        return (self._bring(index).result() if found is None else found).reshape(side, side, 3)

    def follow(self, slots: Sequence[int], *, run_seed: int, batch: int) -> None:
        """From now on `ready` knows which photo each image of the run shows: see `next_uses`.

        Raises InvalidInput where the shelf has no room for two batches.
        """
        least_bytes = 2 * batch * max(3 * side * side for side in self.sides_px)
        if self._shelf.room_bytes < least_bytes:
            raise InvalidInput(
                f"the room for decoded photos is {self._shelf.room_bytes:,} bytes, and two batches need "
                f"{least_bytes:,}: raise FARM_TRAINING_CACHE_BYTES"
            )
        self._order = Order(np.asarray(slots, dtype=np.int64), run_seed, batch)

    def ready(self, nimg: int, should_stop: Callable[[], bool]) -> bool:
        """Wait until the frames of the batch from image `nimg` on are here, and send for those after it.

        False if asked to stop first. Raises PhotoRefused naming a photo that cannot be decoded.
        """
        if self._order is None:
            return True
        self._uses = self._order.uses(nimg, len(self))
        soon = np.argsort(self._uses, kind="stable")
        window = soon[self._uses[soon] < nimg + _AHEAD_BATCHES * self._order.batch]
        sizes = np.array([3 * self.sides_px[index] ** 2 for index in window])
        window = window[np.cumsum(sizes) <= self._shelf.room_bytes]
        coming = [
            (self._uses[index], self._bring(int(index)))
            for index in window
            if self._shelf.find(str(index), 3 * self.sides_px[index] ** 2) is None
        ]
        for future in [future for use, future in coming if use < nimg + self._order.batch]:
            while not wait([future], timeout=_ASKED_S).done:
                if should_stop():
                    return False
            future.result()
        return True

    def close(self) -> None:
        """Nothing more is fetched. The source is closed by whoever opened it."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _bring(self, index: int) -> "Future[Pixels]":
        with self._lock:
            future = self._coming.get(index)
            if future is None:
                future = self._coming[index] = self._threads.submit(self._decode, index)
            return future

    def _decode(self, index: int) -> Pixels:
        pixels = read_frame(self._source, self.photos[index], self.sides_px[index])
        self._shelf.put(str(index), pixels, last_first=self._last_first)
        with self._lock:
            del self._coming[index]
        return pixels

    def _last_first(self, names: Iterable[str]) -> list[str]:
        return sorted(names, key=lambda name: -int(self._uses[int(name)]))


@dataclass(frozen=True)
class Order:
    """Which photo each place of an epoch shows, of which run, and how many images a step."""

    slots: Places
    run_seed: int
    batch: int

    def uses(self, nimg: int, count: int) -> Places:
        """`next_uses` from image `nimg` on."""
        return next_uses(self.slots, run_seed=self.run_seed, at=nimg, count=count)
