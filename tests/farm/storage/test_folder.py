"""What is the folder's own: plain files, signed paths, a full disk, damage around it."""

import os
import re
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from farm.errors import Conflict, Forbidden, InvalidInput, NotFound, SettingsInvalid, StorageUnavailable
from farm.storage import FolderStorage, load_secret, verify_url
from farm.storage.folder import INCOMING

SECRET = b"s" * 32


@pytest.fixture
def folder(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path, secret=SECRET)


def test_objects_are_plain_files_a_person_can_browse(folder: FolderStorage, tmp_path: Path) -> None:
    folder.put("portraits/ab/abc.png", b"picture")
    path = tmp_path / "portraits/ab/abc.png"
    assert path.read_bytes() == b"picture"
    assert path.stat().st_nlink == 1
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask


def test_nothing_is_left_in_incoming(folder: FolderStorage, tmp_path: Path) -> None:
    folder.put("a", b"1")
    folder.put("a", b"2")
    folder.put("a", b"3", if_absent=False)
    with pytest.raises(Conflict):
        folder.put("a/b", b"4")
    assert list((tmp_path / INCOMING).iterdir()) == []


def test_opening_clears_what_killed_processes_left_long_ago(folder: FolderStorage, tmp_path: Path) -> None:
    old, new = tmp_path / INCOMING / "old", tmp_path / INCOMING / "new"
    old.touch()
    new.touch()
    os.utime(old, (time.time() - 90_000,) * 2)
    FolderStorage(tmp_path, secret=SECRET)
    assert not old.exists()
    assert new.exists()


def test_files_people_put_beside_the_objects_are_not_objects(folder: FolderStorage, tmp_path: Path) -> None:
    folder.put("a/b", b"1")
    for name in ("my notes.txt", ".DS_Store", "a/größe.txt"):
        (tmp_path / name).write_text("mine")
    (tmp_path / "pipe").symlink_to("/no/such/target")
    assert [info.key for info in folder.list("")] == ["a/b"]


def test_a_key_below_an_object_is_a_conflict(folder: FolderStorage) -> None:
    folder.put("a/b", b"1")
    with pytest.raises(Conflict, match="b is an object"):
        folder.put("a/b/c", b"2")
    for if_absent in (True, False):
        with pytest.raises(Conflict, match="a is a folder"):
            folder.put("a", b"2", if_absent=if_absent)
    assert folder.get("a/b") == b"1"


def test_folders_go_with_their_last_object(folder: FolderStorage, tmp_path: Path) -> None:
    folder.put("a/b/c", b"1")
    folder.put("a/d", b"1")
    folder.delete("a/b/c")
    assert not (tmp_path / "a/b").exists()
    folder.delete("a/d")
    assert [p.name for p in tmp_path.iterdir()] == [INCOMING]
    assert folder.put("a", b"2")


def test_writing_beside_a_delete_of_the_last_object_always_works(folder: FolderStorage) -> None:
    def put_and_delete(name: str) -> None:
        for _ in range(300):
            assert folder.put(f"a/b/{name}", b"x")
            folder.delete(f"a/b/{name}")

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(put_and_delete, "wxyz"))
    assert list(folder.list("")) == []


@pytest.mark.parametrize("if_absent", [True, False])
def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path, if_absent: bool) -> None:
    """Given a limit on file size (as a full disk, but without root), Then the error is ours and no file is left."""
    program = f"""
import resource
from pathlib import Path
from farm.errors import StorageUnavailable
from farm.storage import FolderStorage
folder = FolderStorage(Path({str(tmp_path)!r}), secret=b"s")
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    folder.put("large", b"x" * 200_000, if_absent={if_absent})
except StorageUnavailable as error:
    print(error)
print(folder.put("small", b"x"))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert re.fullmatch(r"writing large: the disk is full \(.*\)\nTrue\n", done.stdout)
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == ["small"]


def test_a_folder_that_cannot_be_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    for root in (tmp_path / "file", tmp_path / "file/below", Path("/proc/no/such")):
        with pytest.raises(StorageUnavailable, match="opening the folder"):
            FolderStorage(root, secret=SECRET)


def test_a_folder_that_vanished_is_unavailable_to_writers_and_empty_to_readers(tmp_path: Path) -> None:
    folder = FolderStorage(tmp_path / "objects", secret=SECRET)
    (tmp_path / "objects" / INCOMING).rmdir()
    (tmp_path / "objects").rmdir()
    with pytest.raises(StorageUnavailable, match="writing a"):
        folder.put("a", b"x")
    with pytest.raises(NotFound):
        folder.get("a")
    assert list(folder.list("")) == []


def test_any_error_of_the_system_is_ours(folder: FolderStorage, tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    verbs: list[Callable[[], object]] = [
        lambda: folder.put("loop/a", b"x"),
        lambda: folder.get("loop"),
        lambda: folder.head("loop"),
        lambda: folder.delete("loop/a"),
        lambda: list(folder.list("loop/")),
    ]
    for verb in verbs:
        with pytest.raises((StorageUnavailable, Conflict)):
            verb()


def test_a_signed_path_opens_its_object_alone(folder: FolderStorage) -> None:
    path, expires, signature = _parts(folder.url("portraits/ab/c.png", expires_s=60))
    assert path == "/v1/objects/portraits/ab/c.png"
    verify_url(SECRET, "portraits/ab/c.png", expires=expires, signature=signature)
    with pytest.raises(Forbidden, match="not valid"):
        verify_url(SECRET, "portraits/ab/d.png", expires=expires, signature=signature)
    with pytest.raises(Forbidden, match="not valid"):
        verify_url(SECRET, "portraits/ab/c.png", expires=str(int(expires) + 1), signature=signature)
    with pytest.raises(Forbidden, match="not valid"):
        verify_url(b"t" * 32, "portraits/ab/c.png", expires=expires, signature=signature)


@pytest.mark.parametrize(
    "signature", ["", "0" * 64, "é", "\ud800", "a" * 100_000], ids=["none", "zeros", "e", "half", "long"]
)
@pytest.mark.parametrize("expires", ["99999999999", "", "soon", "-1", "1e9", "٣"])
def test_made_up_signatures_are_refused(expires: str, signature: str) -> None:
    with pytest.raises(Forbidden, match="not valid"):
        verify_url(SECRET, "a", expires=expires, signature=signature)


def test_a_signed_path_expires(folder: FolderStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    _, expires, signature = _parts(folder.url("a", expires_s=60))
    later_s = time.time() + 62
    monkeypatch.setattr(time, "time", lambda: later_s)
    with pytest.raises(Forbidden, match="expired"):
        verify_url(SECRET, "a", expires=expires, signature=signature)


def test_a_signed_path_of_a_hostile_key_is_refused() -> None:
    with pytest.raises(InvalidInput):
        verify_url(SECRET, "../secret", expires="99999999999", signature="0" * 64)


def test_the_secret_is_made_once_and_kept_private(tmp_path: Path) -> None:
    home = tmp_path / "deep/home"
    secret = load_secret(home)
    assert len(secret) == 32
    assert load_secret(home) == secret
    assert stat.S_IMODE((home / "secret").stat().st_mode) == 0o600
    assert [p.name for p in home.iterdir()] == ["secret"]


@pytest.mark.parametrize("content", [b"", b"short", b"00", b"\xff\xfe", b"zz" * 32])
def test_a_damaged_secret_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "secret").write_bytes(content)
    with pytest.raises(SettingsInvalid, match="secret is damaged"):
        load_secret(tmp_path)


def test_processes_that_start_together_agree_on_the_secret(tmp_path: Path) -> None:
    program = "import sys, pathlib, farm.storage as s; print(s.load_secret(pathlib.Path(sys.argv[1])).hex())"
    started = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    answers = {process.communicate(timeout=60)[0] for process in started}
    assert len(answers) == 1
    assert answers.pop().strip() == load_secret(tmp_path).hex()


def _parts(url: str) -> tuple[str, str, str]:
    match = re.fullmatch(r"(.*)\?expires=(\d+)&signature=([0-9a-f]{64})", url)
    assert match is not None
    return match[1], match[2], match[3]
