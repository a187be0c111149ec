"""The two farms that faults fall upon: one machine on SQLite and a folder, and servers on Postgres and S3."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.yard import Yard, open_yard
from tests.services.faulty_s3 import FaultyS3, running_faulty_s3
from tests.services.postgres import PostgresCluster, running_postgres
from tests.services.process import scratch_folder
from tests.services.redis import running_redis
from tests.services.rgw import RgwServer
from tests.workers.cascade.tiny import random_objects

SMALL_DISK_BYTES = 300_000_000
BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class OneMachine:
    """A farm on SQLite and a folder. `disk`: a small file system that holds both, None where we may not mount one."""

    yard: Yard
    disk: Path | None


@dataclass(frozen=True)
class Servers:
    """A farm on Postgres and S3, with its own cluster to restart and a line to S3 that can be spoilt."""

    yard: Yard
    postgres: PostgresCluster
    rgw: RgwServer
    s3: FaultyS3
    bucket: str


@contextlib.contextmanager
def open_one_machine(folder: Path, **told: object) -> Iterator[OneMachine]:
    """Two workers, an API, a Redis of its own and the cascade `tiny`. Raises ServiceMissing."""
    logs = folder / "logs"
    logs.mkdir()
    with (
        running_redis() as redis,
        # Not in `folder`: what a killed session left mounted there would be in pytest's way.
        scratch_folder("disk") as disk,
        _small_disk(disk) as mounted,
        open_yard(disk / "home", redis=redis, logs=logs, told=told) as yard,
    ):
        yield OneMachine(_started(yard), disk if mounted else None)


@contextlib.contextmanager
def open_servers(rgw: RgwServer, folder: Path, **told: object) -> Iterator[Servers]:
    """The same with a Postgres of its own, and a bucket behind a line that passes all until told otherwise.

    Raises ServiceMissing.
    """
    logs = folder / "logs"
    logs.mkdir()
    with (
        running_redis() as redis,
        running_postgres() as postgres,
        postgres.database() as ledger_url,
        rgw.bucket() as bucket,
        running_faulty_s3(rgw.endpoint_url) as s3,
        open_yard(
            folder / "home",
            redis=redis,
            ledger_url=ledger_url,
            told={"storage_url": f"s3://{bucket}/farm", "s3_endpoint_url": s3.url, **told},
            environment=rgw.credentials,
            logs=logs,
        ) as yard,
    ):
        if yard.settings.is_sqlite:
            raise AssertionError("this farm stands on Postgres")
        yield Servers(_started(yard), postgres, rgw, s3, bucket)


def _started(yard: Yard) -> Yard:
    yard.start_worker("north")
    yard.start_worker("south")
    yard.start_api()
    yard.wait_until_ready("north", "south")
    yard.import_cascade(random_objects(seed=7))
    return yard


@contextlib.contextmanager
def _small_disk(folder: Path) -> Iterator[bool]:
    """A file system in memory that can be filled without harm; False where mounting is not allowed."""
    mount = shutil.which("mount")
    options = f"size={SMALL_DISK_BYTES}"
    if os.geteuid() != 0 or mount is None:
        yield False
        return
    done = subprocess.run([mount, "-t", "tmpfs", "-o", options, "farm-tests", str(folder)], check=False)
    if done.returncode:
        yield False
        return
    try:
        yield True
    finally:
        # Lazily: what a test left open must not keep the session from ending.
        subprocess.run(["umount", "--lazy", str(folder)], check=False)


def fill(path: Path) -> None:
    """A file that takes every free byte of its disk."""
    with path.open("wb", buffering=0) as file:
        for size in (BLOCK_BYTES, 4096):
            try:
                while file.write(b"\0" * size):
                    pass
            except OSError:
                continue  # smaller blocks for the rest
        os.fsync(file.fileno())


def clock_ahead(ahead_s: int, folder: Path) -> dict[str, str]:
    """Variables of a Python process whose clock is wrong; how long things take, it still measures rightly.

    A preloaded libfaketime would be nearer to a real wrong clock, but under it Python's `time.sleep` fails (EINVAL).
    """
    folder.mkdir(parents=True, exist_ok=True)
    lines = ("import time", "_right = time.time", f"time.time = lambda: _right() + {ahead_s}")
    (folder / "sitecustomize.py").write_text("\n".join(lines))
    return {"PYTHONPATH": f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
