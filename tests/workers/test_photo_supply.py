"""Photos go from storage to a training process one by one, as it asks for them."""

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from farm.errors import NotFound, PhotoRefused, StorageUnavailable
from farm.settings import load_settings
from farm.storage import Storage, keys, open_storage
from tests.chaos.yard import wait_for
from tests.workers.training.slices import as_json, run_here, spec_of, weights_of
from workers.tasks import photo_supply
from workers.tasks.photo_supply import PhotoSupply
from workers.tasks.slice_child import SliceChild
from workers.training.data import Photo
from workers.training.photo_spool import PhotoSpool

PHOTOS = sorted((Path(__file__).parents[2] / "deploy/demo/photos").glob("*.jpg"))[:8]


@pytest.fixture(params=["folder", pytest.param("s3", marks=pytest.mark.needs_s3)])
def storage(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Storage:
    environment = {"FARM_HOME": str(tmp_path / "home")}
    if request.param == "s3":
        environment = request.getfixturevalue("s3_environment")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return open_storage(load_settings(environment))


def stored(storage: Storage, folder: Path) -> Path:
    """The shipped photos in storage; a folder with no more than their manifest."""
    rows = []
    for path in PHOTOS:
        body = path.read_bytes()
        sha256 = hashlib.sha256(body).hexdigest()
        storage.put(keys.photo(sha256, "jpg"), body)
        rows.append(
            {"sha256": sha256, "ext": "jpg", "verdict": "keep", "split": "train"}
            | {"frame_x": 0, "frame_y": 0, "frame_px": 512, "native_px": 512}
        )
    folder.mkdir()
    parquet.write_table(pa.Table.from_pylist(rows), folder / "manifest.parquet")
    return folder


def test_a_process_trains_from_storage_within_its_room_as_from_a_folder(storage: Storage, tmp_path: Path) -> None:
    data_dir = stored(storage, tmp_path / "data")
    room_bytes = 5 * 3 * 16 * 16
    spec = replace(
        spec_of(data_dir, tmp_path, batch=2),
        launcher_pid=os.getpid(),
        spool_dir=tmp_path / "spool",
        cache_bytes=room_bytes,
    )
    (tmp_path / "slice.json").write_text(json.dumps(as_json(spec)))
    most, child = 0, SliceChild(tmp_path / "slice.json", log=tmp_path / "log")
    with PhotoSupply(storage, tmp_path / "spool") as supply, child:
        for _ in child.events(pause_s=0.02):
            supply.check()
            most = max(most, sum(map(bytes_of, spec.cache_dir.rglob("*"))))
        assert child.wait() == 0, child.last_words()
    assert 0 < most <= room_bytes
    assert list(data_dir.iterdir()) == [data_dir / "manifest.parquet"]
    assert not (tmp_path / "spool").exists()
    local = tmp_path / "local"
    (local / "photos").mkdir(parents=True)
    (local / "manifest.parquet").write_bytes((data_dir / "manifest.parquet").read_bytes())
    for path in PHOTOS:
        body = path.read_bytes()
        (local / "photos" / f"{hashlib.sha256(body).hexdigest()}.jpg").write_bytes(body)
    whole = replace(spec_of(local, tmp_path, out="whole", batch=2), cache_dir=tmp_path / "whole-cache")
    run_here(whole)
    assert weights_of(spec.out_dir) == weights_of(whole.out_dir)


def test_a_photo_that_comes_when_nobody_waits_any_more_is_not_kept(folder_storage: Storage, tmp_path: Path) -> None:
    body = PHOTOS[0].read_bytes()
    sha256 = hashlib.sha256(body).hexdigest()
    folder_storage.put(keys.photo(sha256, "jpg"), body)
    slow = Slow(folder_storage)
    wish(sha256, tmp_path / "spool")
    with PhotoSupply(slow, tmp_path / "spool") as supply:  # type: ignore[arg-type]
        assert slow.asked.wait(10)
    slow.answers.set()
    assert wait_for("the answer", slow.answered.is_set)
    assert not (tmp_path / "spool").exists()
    supply.check()


class Slow:
    """A store that answers when it is told to."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.asked, self.answers, self.answered = threading.Event(), threading.Event(), threading.Event()

    def get(self, key: str) -> bytes:
        self.asked.set()
        self.answers.wait(10)
        try:
            return self.storage.get(key)
        finally:
            self.answered.set()


def bytes_of(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except FileNotFoundError:
        return 0


@pytest.fixture
def folder_storage(tmp_path: Path) -> Storage:
    return open_storage(load_settings({"FARM_HOME": str(tmp_path / "home")}))


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[PhotoSpool]:
    spool = PhotoSpool(tmp_path / "spool")
    yield spool
    spool.close()


def wish(sha256: str, folder: Path) -> None:
    (folder / "wanted").mkdir(parents=True, exist_ok=True)
    (folder / "wanted" / f"{sha256}.jpg").touch()


def failed(supply: PhotoSupply, kind: type[Exception]) -> Exception | None:
    try:
        supply.check()
    except kind as error:
        return error
    return None


def test_a_photo_that_storage_lacks_or_holds_damaged_is_named(folder_storage: Storage, tmp_path: Path) -> None:
    for name, kind, stored_body in (("ab" * 32, NotFound, None), ("cd" * 32, PhotoRefused, b"other bytes")):
        if stored_body:
            folder_storage.put(keys.photo(name, "jpg"), stored_body)
        wish(name, tmp_path / name)
        with PhotoSupply(folder_storage, tmp_path / name) as supply:
            error = wait_for("the error", lambda supply=supply, kind=kind: failed(supply, kind))  # type: ignore[misc]
        assert f"{name}.jpg" in str(error)


class Away:
    """A store that does not answer so many times."""

    def __init__(self, storage: Storage, refusals: int) -> None:
        self.storage, self.refusals = storage, refusals

    def get(self, key: str) -> bytes:
        self.refusals -= 1
        if self.refusals >= 0:
            raise StorageUnavailable("the store does not answer")
        return self.storage.get(key)


def test_a_store_that_is_away_for_a_while_is_asked_again(
    folder_storage: Storage, tmp_path: Path, spool: PhotoSpool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photo_supply, "RETRY_S", 0.01)
    body = PHOTOS[0].read_bytes()
    sha256 = hashlib.sha256(body).hexdigest()
    folder_storage.put(keys.photo(sha256, "jpg"), body)
    away = Away(folder_storage, 3)
    photo = Photo(sha256=sha256, ext="jpg", frame_x=0, frame_y=0, frame_px=512, native_px=512)
    with PhotoSupply(away, tmp_path / "spool") as supply:  # type: ignore[arg-type]
        assert spool.body(photo) == body
        supply.check()
    assert away.refusals == -1


class Counting:
    """A store that counts what is asked of it, and takes a moment."""

    def __init__(self, storage: Storage) -> None:
        self.storage, self.asked = storage, 0

    def get(self, key: str) -> bytes:
        self.asked += 1
        time.sleep(0.003)
        return self.storage.get(key)


def test_a_wish_is_fetched_once(
    folder_storage: Storage, tmp_path: Path, spool: PhotoSpool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when it is granted while the list of wishes is being read: a photo nobody waits for would stay behind."""
    listed = Path.iterdir

    def slowly(folder: Path) -> Iterator[Path]:
        found = list(listed(folder))
        time.sleep(0.005)
        return iter(found)

    monkeypatch.setattr(Path, "iterdir", slowly)
    monkeypatch.setattr(photo_supply, "LOOK_S", 0.001)
    photos = []
    for number in range(8):
        body = bytes([number]) * 100
        sha256 = hashlib.sha256(body).hexdigest()
        folder_storage.put(keys.photo(sha256, "jpg"), body)
        photos.append(Photo(sha256=sha256, ext="jpg", frame_x=0, frame_y=0, frame_px=512, native_px=512))
    counting, rounds = Counting(folder_storage), 25

    def ask(first: int) -> None:
        for photo in photos[first::4] * rounds:
            spool.body(photo)

    with PhotoSupply(counting, tmp_path / "spool"), ThreadPoolExecutor(4) as askers:  # type: ignore[arg-type]
        list(askers.map(ask, range(4)))
    assert counting.asked == len(photos) * rounds


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
from workers.training.slice_process import main
sys.exit(main(sys.argv[1:2]))
"""
"""What a full disk is to a process: its files end at a limit, and write() says so."""


@pytest.mark.parametrize("file_bytes", [3_000, 20_000])
def test_a_full_disk_is_one_clear_error_and_the_run_goes_on_with_room(
    folder_storage: Storage, tmp_path: Path, file_bytes: int
) -> None:
    """3,000 bytes: frames do not fit; 20,000: they do, the checkpoint's second file does not."""
    data_dir = stored(folder_storage, tmp_path / "data")
    (data_dir / "photos").mkdir()
    for path in PHOTOS:
        body = path.read_bytes()
        (data_dir / "photos" / f"{hashlib.sha256(body).hexdigest()}.jpg").write_bytes(body)
    spec = replace(spec_of(data_dir, tmp_path, stop_nimg=8), launcher_pid=os.getpid())
    run_here(spec)
    first = weights_of(spec.out_dir)
    if file_bytes == 3_000:
        [cache] = spec.cache_dir.glob("frames-*")
        cache.unlink()
    onward = replace(spec, stop_nimg=16)
    (tmp_path / "slice.json").write_text(json.dumps(as_json(onward)))
    command = [sys.executable, "-c", LIMITED, str(tmp_path / "slice.json"), str(file_bytes)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    last = json.loads(ended.stdout.splitlines()[-1])
    assert (ended.returncode, last["event"], last["kind"], last["retryable"]) == (1, "error", "StorageFull", True)
    assert "is full" in last["message"]
    assert "make room" in last["message"]
    assert weights_of(spec.out_dir) == first
    assert not list(spec.out_dir.glob(".writing-*"))
    assert not list(spec.cache_dir.glob(".*"))
    events = run_here(onward)
    assert [event["nimg"] for event in events if event["event"] == "resumed"] == [8]
    assert weights_of(spec.out_dir) != first
