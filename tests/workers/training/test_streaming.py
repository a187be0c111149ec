"""A dataset that does not fit the disk trains as one that does: to the byte, within its room, whatever dies."""

import contextlib
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from farm.errors import InvalidInput, PhotoRefused, Unavailable
from tests.workers.training.slices import run_here, weights_of
from workers.training.data import PhotoFolder, file_name, read_frame, teaching_photos
from workers.training.frame_disk import FrameCache, FrameDisk
from workers.training.frame_stream import FrameStream, next_uses
from workers.training.photo_spool import PhotoSpool
from workers.training.randomness import photo_of
from workers.training.slice_spec import SliceSpec

Make = Callable[..., SliceSpec]

FRAME_BYTES = 3 * 16 * 16


def never() -> bool:
    return False


class Counting:
    """A folder of photos that counts how often each was read."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.read = PhotoFolder(folder), list[str]()

    def body(self, photo) -> bytes:  # type: ignore[no-untyped-def]
        self.read.append(photo.sha256)
        return self.folder.body(photo)

    def close(self) -> None:
        """Nothing waits."""


def streamed(data_dir: Path, folder: Path, *, frames: int, source: object = None) -> FrameStream:
    photos = teaching_photos(data_dir, split="train", min_native_px=16, size_px=16)
    disk = FrameDisk(
        source=source or PhotoFolder(data_dir / "photos"),  # type: ignore[arg-type]
        folder=folder,
        room_bytes=frames * FRAME_BYTES,
    )
    opened = disk.open(photos, size_px=16)
    assert isinstance(opened, FrameStream)
    return opened


def held(folder: Path) -> dict[Path, int]:
    """Every file and its bytes at one moment: threads put and remove some while this looks."""
    last: dict[Path, int] | None = None
    while True:
        found = {}
        for path in folder.rglob("*"):
            with contextlib.suppress(FileNotFoundError):
                found[path] = path.stat().st_size if path.is_file() else 0
        if found == last:
            return found
        last = found


@pytest.mark.parametrize(("preset", "room_bytes"), [("smoke-base-16", 5 * FRAME_BYTES), ("smoke-up-32", 30_000)])
def test_weights_are_the_same_whether_all_photos_fit_or_not(
    make_spec: Make, data_dir: Path, tmp_path: Path, preset: str, room_bytes: int
) -> None:
    whole = replace(make_spec(preset, out="whole", batch=2), cache_dir=tmp_path / "whole-cache")
    tight = replace(make_spec(preset, out="tight", batch=2), cache_dir=tmp_path / "tight", cache_bytes=room_bytes)
    run_here(whole)
    run_here(tight)
    assert all(path.is_file() for path in whole.cache_dir.glob("frames-*"))
    assert any(path.is_dir() for path in tight.cache_dir.glob("frames-*"))
    assert weights_of(tight.out_dir) == weights_of(whole.out_dir)


def test_the_shelf_never_holds_more_than_its_room_and_serves_every_image(data_dir: Path, tmp_path: Path) -> None:
    stream = streamed(data_dir, tmp_path, frames=5)
    stream.follow(range(8), run_seed=7, batch=2)
    folder = PhotoFolder(data_dir / "photos")
    for nimg in range(0, 64, 2):
        assert stream.ready(nimg, never)
        assert sum(held(tmp_path).values()) <= 5 * FRAME_BYTES
        for index in (nimg, nimg + 1):
            photo = photo_of(7, index, 8)
            np.testing.assert_array_equal(stream.frame(photo), read_frame(folder, stream.photos[photo], 16))


def test_the_furthest_frame_goes_so_fewer_photos_are_fetched_than_the_least_recent_would(
    data_dir: Path, tmp_path: Path
) -> None:
    source = Counting(data_dir / "photos")
    stream = streamed(data_dir, tmp_path, frames=5, source=source)
    stream.follow(range(8), run_seed=7, batch=2)
    for nimg in range(0, 160, 2):
        assert stream.ready(nimg, never)
        for index in (nimg, nimg + 1):
            stream.frame(photo_of(7, index, 8))
    recent, misses = list[int](), 0
    for index in range(160):
        photo = photo_of(7, index, 8)
        misses += photo not in recent
        recent = [photo, *(each for each in recent if each != photo)][:5]
    assert len(source.read) < misses


def test_next_uses_are_those_of_the_runs_own_order() -> None:
    slots = np.array([0, 1, 1, 2, 2, 2])
    for at in (0, 5, 6, 20):
        shown = [int(slots[photo_of(3, index, 6)]) for index in range(at, at + 12)]
        assert list(next_uses(slots, run_seed=3, at=at, count=3)) == [at + shown.index(photo) for photo in range(3)]


def test_what_a_killed_process_left_is_used_where_it_is_whole(data_dir: Path, tmp_path: Path) -> None:
    others = set(threading.enumerate())
    first = streamed(data_dir, tmp_path, frames=5)
    first.follow(range(8), run_seed=7, batch=2)
    assert first.ready(0, never)
    first.close()
    for thread in set(threading.enumerate()) - others:
        thread.join(60)  # a killed process writes no more
    [shelf] = tmp_path.glob("frames-*/0")
    used = photo_of(7, 0, 8)
    (shelf / str(used)).write_bytes(b"cut")
    (shelf / ".part").write_bytes(b"half a frame")
    second = streamed(data_dir, tmp_path, frames=5)
    second.follow(range(8), run_seed=7, batch=2)
    assert second.ready(0, never)
    assert not (shelf / ".part").exists()
    photo = second.photos[used]
    np.testing.assert_array_equal(second.frame(used), read_frame(PhotoFolder(data_dir / "photos"), photo, 16))


def test_room_for_less_than_two_batches_is_refused_in_words(data_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"two batches need 6,144: raise FARM_TRAINING_CACHE_BYTES"):
        streamed(data_dir, tmp_path, frames=5).follow(range(8), run_seed=7, batch=4)


def test_frames_of_other_runs_go_first(data_dir: Path, tmp_path: Path) -> None:
    photos = teaching_photos(data_dir, split="train", min_native_px=16, size_px=16)
    source = PhotoFolder(data_dir / "photos")
    for room_bytes, size_px in ((None, 24), (8 * FRAME_BYTES, 16)):
        opened = FrameDisk(source=source, folder=tmp_path, room_bytes=room_bytes).open(photos, size_px=size_px)
        assert isinstance(opened, FrameCache)
    assert [path.stat().st_size for path in tmp_path.iterdir()] == [8 * FRAME_BYTES]


def test_a_file_that_goes_while_room_is_counted_is_none(data_dir: Path, tmp_path: Path) -> None:
    # Another rank renames and deletes in the same folder; a link into nothing is seen like a file that went.
    for run in ("frames-a", "frames-b"):
        (tmp_path / run / "0").mkdir(parents=True)
        (tmp_path / run / "0" / ".3").symlink_to(tmp_path / "gone")
        (tmp_path / run / "0" / "4").write_bytes(b"a frame")
    (tmp_path / "frames-c.u8").symlink_to(tmp_path / "gone")
    stream = streamed(data_dir, tmp_path, frames=5)
    assert stream.frame(0).shape == (16, 16, 3)
    assert not (tmp_path / "frames-a").exists()


def test_a_damaged_photo_is_named(data_dir: Path, tmp_path: Path) -> None:
    photos = teaching_photos(data_dir, split="train", min_native_px=16, size_px=16)
    (tmp_path / file_name(photos[0])).write_bytes(b"\x89PNG\r\n\x1a\n no more")
    stream = streamed(data_dir, tmp_path / "frames", frames=5, source=PhotoFolder(tmp_path))
    with pytest.raises(PhotoRefused, match=file_name(photos[0])):
        stream.frame(0)


def test_a_spool_brings_what_is_asked_for_and_keeps_nothing(data_dir: Path, tmp_path: Path) -> None:
    photo = teaching_photos(data_dir, split="train", min_native_px=16, size_px=16)[0]
    spool, bodies = PhotoSpool(tmp_path), list[bytes]()
    asking = threading.Thread(target=lambda: bodies.append(spool.body(photo)))
    asking.start()
    wish = tmp_path / "wanted" / file_name(photo)
    while not wish.exists():
        asking.join(0.01)
    (tmp_path / "photos" / "part").write_bytes(b"picture")
    (tmp_path / "photos" / "part").rename(tmp_path / "photos" / file_name(photo))
    wish.unlink()
    asking.join()
    assert bodies == [b"picture"]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_run_that_waits_for_a_photo_hears_that_it_should_stop(data_dir: Path, tmp_path: Path) -> None:
    spool = PhotoSpool(tmp_path / "spool")
    stream = streamed(data_dir, tmp_path / "frames", frames=5, source=spool)
    stream.follow(range(8), run_seed=7, batch=2)
    assert not stream.ready(0, lambda: True)
    spool.close()
    with pytest.raises(Unavailable, match="did not come"):
        stream.frame(photo_of(7, 0, 8))
