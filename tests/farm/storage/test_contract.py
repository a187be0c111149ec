"""What every storage promises, on a folder and on a real S3 server."""

import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from farm.errors import Conflict, InvalidInput, NotFound, StorageUnavailable
from farm.storage import Storage
from tests.farm.storage.conftest import Place

HOSTILE_KEYS = [
    "",
    "/",
    "/etc/passwd",
    "a/",
    "/a",
    "a//b",
    "..",
    ".",
    "../a",
    "a/../b",
    "a/./b",
    "a/..",
    ".hidden",
    ".incoming/x",
    "a\0b",
    "a\nb",
    "a b",
    "a\\b",
    "a:b",
    "a?b",
    "a%2e%2e",
    "~",
    "ünïcode",
    "写真",
    "a\ud800b",
    "\u202ea",
    "a٣",  # an Arabic digit is a digit to Python, not to us
    "x" * 201,
    "/".join(["abcdefg"] * 65),
]

part = st.from_regex(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,8}", fullmatch=True)
keys = st.lists(part, min_size=1, max_size=4).map("/".join)


def test_what_was_put_is_got_back(storage: Storage) -> None:
    assert storage.put("photos/ab/abc.jpg", b"\x00\xff bytes \n")
    assert storage.get("photos/ab/abc.jpg") == b"\x00\xff bytes \n"


def test_an_empty_object_is_an_object(storage: Storage) -> None:
    assert storage.put("empty", b"")
    assert storage.get("empty") == b""
    info = storage.head("empty")
    assert info is not None and info.size_bytes == 0


def test_put_if_absent_never_overwrites(storage: Storage) -> None:
    assert storage.put("a/b", b"first")
    assert not storage.put("a/b", b"second")
    assert storage.get("a/b") == b"first"


def test_put_overwrites_when_asked(storage: Storage) -> None:
    assert storage.put("a/b", b"first", if_absent=False)
    assert storage.put("a/b", b"second, longer", if_absent=False)
    assert storage.get("a/b") == b"second, longer"


def test_an_absent_object_is_not_found(storage: Storage) -> None:
    with pytest.raises(NotFound, match="no/such"):
        storage.get("no/such")
    assert storage.head("no/such") is None


def test_the_prefix_of_an_object_is_no_object(storage: Storage) -> None:
    storage.put("a/b/c", b"x")
    assert storage.head("a/b") is None
    assert storage.head("a/b/c/d") is None
    for key in ("a/b", "a/b/c/d"):
        with pytest.raises(NotFound):
            storage.get(key)


def test_head_tells_size_and_time(storage: Storage) -> None:
    storage.put("a", b"x" * 1234)
    info = storage.head("a")
    assert info is not None
    assert (info.key, info.size_bytes) == ("a", 1234)
    assert abs(info.modified_s - time.time()) < 60


def test_a_deleted_object_is_gone_and_its_key_free(storage: Storage) -> None:
    storage.put("a/b", b"x")
    storage.delete("a/b")
    assert storage.head("a/b") is None
    assert storage.put("a/b", b"y")


def test_deleting_what_is_not_there_is_no_error(storage: Storage) -> None:
    storage.put("a/b", b"x")
    storage.delete("no/such")
    storage.delete("a")
    storage.delete("a/b/c")
    assert storage.get("a/b") == b"x"


def test_a_large_object_comes_back_whole(storage: Storage) -> None:
    body = os.urandom(40_000_000)
    assert storage.put("large.bin", body)
    assert hashlib.sha256(storage.get("large.bin")).digest() == hashlib.sha256(body).digest()
    info = storage.head("large.bin")
    assert info is not None and info.size_bytes == 40_000_000


def test_list_is_in_key_order_and_by_prefix(storage: Storage) -> None:
    names = ["a", "a-b", "a.b", "a/b", "a/b-c", "a/b/c", "a0", "A", "b/a", "_", "B/1", "a/10", "a/9"]
    for name in (n for n in names if n not in ("a", "a/b")):  # in a folder these two are folders
        storage.put(name, name.encode())
    expected = sorted(n for n in names if n not in ("a", "a/b"))
    assert [info.key for info in storage.list("")] == expected
    for prefix in ("a", "a/", "a/b", "a/b/", "b", "A", "no", "a/b/c", "a/b/c/d/", "a."):
        assert [i.key for i in storage.list(prefix)] == [n for n in expected if n.startswith(prefix)], prefix
    assert {i.key: i.size_bytes for i in storage.list("")} == {n: len(n) for n in expected}


def test_list_goes_beyond_one_page(storage: Storage) -> None:
    """S3 answers in pages of a thousand."""
    _put_many(storage, [f"many/{n:04d}" for n in range(1005)])
    assert [info.key for info in storage.list("many/")] == [f"many/{n:04d}" for n in range(1005)]


def test_list_of_an_empty_storage_is_empty(storage: Storage) -> None:
    assert list(storage.list("")) == []
    assert list(storage.list("portraits/")) == []


def test_hostile_keys_are_refused_by_every_verb(storage: Storage) -> None:
    for key in HOSTILE_KEYS:
        for verb in _verbs(storage, key):
            with pytest.raises(InvalidInput) as refused:
                verb()
            assert refused.value.problems[0].field == "key", ascii(key)
    assert list(storage.list("")) == []


def _verbs(storage: Storage, key: str) -> list[Callable[[], object]]:
    return [
        lambda: storage.put(key, b"x"),
        lambda: storage.get(key),
        lambda: storage.head(key),
        lambda: storage.delete(key),
        lambda: storage.url(key, expires_s=60),
    ]


def test_hostile_prefixes_are_refused_before_anything_is_listed(storage: Storage) -> None:
    for prefix in ["/", "/a", "..", "../", "a/../", "a//", "a\0", ".incoming/", ".", "a/.", "é"]:
        with pytest.raises(InvalidInput):
            storage.list(prefix)


def test_a_link_that_could_never_be_valid_is_refused(storage: Storage) -> None:
    for expires_s in (0, -1):
        with pytest.raises(InvalidInput, match="expires_s"):
            storage.url("a", expires_s=expires_s)


def test_of_many_threads_exactly_one_writes(storage: Storage) -> None:
    wins: list[int] = []
    together = threading.Barrier(8)

    def write(number: int) -> None:
        together.wait()
        if storage.put("one", str(number).encode() * 10_000):
            wins.append(number)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(wins) == 1
    assert storage.get("one") == str(wins[0]).encode() * 10_000


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(keys, st.binary(max_size=200), max_size=5))
def test_any_allowed_objects_are_listed_and_read(storage: Storage, objects: dict[str, bytes]) -> None:
    # A folder cannot hold a file and a folder of one name; no key of ours is the beginning part of another.
    objects = {k: v for k, v in objects.items() if not any(o.startswith(k + "/") for o in objects)}
    for key, body in objects.items():
        storage.put(key, body, if_absent=False)
    try:
        assert [info.key for info in storage.list("")] == sorted(objects)
        assert {key: storage.get(key) for key in objects} == objects
    finally:
        for key in objects:
            storage.delete(key)


def _put_many(storage: Storage, names: list[str]) -> None:
    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(lambda name: storage.put(name, b"x"), names))


def test_a_file_is_put_whole_and_stays_where_it_is(storage: Storage, tmp_path: Path) -> None:
    path = tmp_path / "master.png"
    path.write_bytes(b"pixels" * 1000)
    assert storage.put_file("a/b.png", path)
    assert storage.get("a/b.png") == path.read_bytes() == b"pixels" * 1000


def test_a_file_is_put_once_unless_asked_otherwise(storage: Storage, tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    first.write_bytes(b"first")
    second.write_bytes(b"second, longer")
    assert storage.put_file("a", first)
    assert not storage.put_file("a", second)
    assert storage.get("a") == b"first"
    assert storage.put_file("a", second, if_absent=False)
    assert storage.get("a") == b"second, longer"


def test_an_object_lands_in_a_new_file(storage: Storage, tmp_path: Path) -> None:
    body = os.urandom(3_000_000)
    storage.put("a", body)
    storage.put("nothing", b"")
    assert storage.get_file("a", tmp_path / "here") == len(body)
    assert (tmp_path / "here").read_bytes() == body
    assert storage.get_file("nothing", tmp_path / "empty") == 0


def test_what_cannot_land_leaves_no_file(storage: Storage, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no/such"):
        storage.get_file("no/such", tmp_path / "absent")
    assert not (tmp_path / "absent").exists()
    storage.put("a", b"x")
    (tmp_path / "taken").write_bytes(b"mine")
    with pytest.raises(Conflict, match="taken"):
        storage.get_file("a", tmp_path / "taken")
    assert (tmp_path / "taken").read_bytes() == b"mine"
    with pytest.raises(StorageUnavailable, match="no-folder"):
        storage.get_file("a", tmp_path / "no-folder" / "x")
    with pytest.raises(StorageUnavailable, match="no-file"):
        storage.put_file("b", tmp_path / "no-file")
    assert storage.head("b") is None


def test_a_large_file_passes_with_little_memory(place: Place, tmp_path: Path) -> None:
    """80 MB out and in by another process, whose peak of memory grows by less than half of that."""
    large = tmp_path / "large"
    large.write_bytes(os.urandom(80_000_000))
    told = subprocess.run(
        [sys.executable, "-c", _PASSING, str(large), str(tmp_path / "back")],
        env={**os.environ, **place.environment}, check=True, capture_output=True, text=True, timeout=120,
    ).stdout  # fmt: skip
    assert int(told) < 40_000
    assert (tmp_path / "back").read_bytes() == large.read_bytes()


_PASSING = """
import sys
from pathlib import Path
from farm.settings import load_settings
from farm.storage import open_storage

def peak_kb():
    return int(next(l for l in open("/proc/self/status") if l.startswith("VmHWM")).split()[1])

storage = open_storage(load_settings())
storage.put("warm", b"x" * 1000)
storage.get("warm")
before_kb = peak_kb()
storage.put_file("large", Path(sys.argv[1]))
storage.get_file("large", Path(sys.argv[2]))
print(peak_kb() - before_kb)
"""
