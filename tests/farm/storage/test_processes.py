"""Storage under kills and races between processes."""

import hashlib
import os
import subprocess
import sys
import time

from tests.farm.storage.conftest import Place

WRITER = """
import hashlib, os, sys
from farm.settings import load_settings
from farm.storage import open_storage
storage = open_storage(load_settings())
print("ready", flush=True)
for number in range(100_000):
    body = os.urandom(3_000_000)
    storage.put(f"objects/{hashlib.sha256(body).hexdigest()}", body)
    print(number, flush=True)
"""

RACER = """
import sys
from farm.settings import load_settings
from farm.storage import open_storage
storage = open_storage(load_settings())
print("ready", flush=True)
sys.stdin.readline()
for number in range(40):
    print(int(storage.put(f"race/{number:03d}", sys.argv[1].encode() * 50_000)), end="", flush=True)
"""


def _start(program: str, place: Place, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        env={**os.environ, **place.environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_killed_writer_leaves_no_half_object(place: Place) -> None:
    """Given writers killed at any moment, When the storage is listed, Then every object in it is whole."""
    for delay_s in (0.0, 0.004, 0.009, 0.015, 0.022):
        with _start(WRITER, place) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n"
            assert writer.stdout.readline() == "0\n"
            time.sleep(delay_s)
            writer.kill()
    found = list(place.storage.list(""))
    assert len(found) >= 5
    for info in found:
        assert info.size_bytes == 3_000_000
        assert hashlib.sha256(place.storage.get(info.key)).hexdigest() == info.key.removeprefix("objects/")


def test_of_two_processes_exactly_one_writes_each_key(place: Place) -> None:
    with _start(RACER, place, "a") as one, _start(RACER, place, "b") as other:
        for racer in (one, other):
            assert racer.stdout is not None
            assert racer.stdout.readline() == "ready\n"
        for racer in (one, other):
            assert racer.stdin is not None
            racer.stdin.write("go\n")
            racer.stdin.flush()
        outputs = [racer.communicate(timeout=120)[0] for racer in (one, other)]
    assert [len(output) for output in outputs] == [40, 40]
    for number, (a, b) in enumerate(zip(*outputs, strict=True)):
        assert {a, b} == {"0", "1"}
        winner = b"a" if a == "1" else b"b"
        assert place.storage.get(f"race/{number:03d}") == winner * 50_000
