"""Downloads kept on this machine: the least recently used go, and others may write meanwhile."""

import itertools
import os
import threading
from pathlib import Path

import pytest

from workers.tasks.local_cache import LocalCache


def filled(root: Path, *names: str) -> LocalCache:
    """A cache with room for two folders, and a folder of three bytes of each name, the first used longest ago."""
    cache = LocalCache(root, limit_bytes=6)
    for used_s, name in enumerate(names):
        (cache.folder(name) / "body").write_bytes(b"abc")
        os.utime(root / name, (used_s, used_s))
    return cache


@pytest.mark.parametrize(("keep", "gone"), [((), ["a", "b"]), (("a",), ["b", "c"]), (("a", "b", "c", "d"), [])])
def test_the_least_recently_used_go_and_what_is_in_use_stays(
    tmp_path: Path, keep: tuple[str, ...], gone: list[str]
) -> None:
    cache = filled(tmp_path, "a", "b", "c", "d")
    assert cache.make_room(keep=keep) == gone
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted({"a", "b", "c", "d"} - set(gone))


def test_a_folder_that_is_used_again_goes_last(tmp_path: Path) -> None:
    cache = filled(tmp_path, "a", "b", "c")
    cache.folder("a")
    assert cache.make_room(keep=()) == ["b"]


def test_another_worker_may_write_and_delete_while_bytes_are_counted(tmp_path: Path) -> None:
    cache = filled(tmp_path, "a", "b")
    ended = threading.Event()

    def write() -> None:
        for name in itertools.cycle(map(str, range(50))):
            (tmp_path / "b" / ".part").write_bytes(b"")
            (tmp_path / "b" / ".part").rename(tmp_path / "b" / name)
            (tmp_path / "b" / name).unlink()
            if ended.is_set():
                return

    writing = threading.Thread(target=write)
    writing.start()
    try:
        assert [cache.make_room(keep=()) for _ in range(6_000)] == [[]] * 6_000
    finally:
        ended.set()
        writing.join(60)
