"""Broken-and-mended farms, one for each set of services: starting torch again for every fault would take minutes."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.chaos.yard import Yard, open_yard
from tests.services.faulty_s3 import FaultyS3, running_faulty_s3
from tests.services.postgres import PostgresCluster, running_postgres
from tests.services.process import ServiceMissing, skip_or_fail
from tests.services.redis import running_redis
from tests.services.rgw import RgwServer
from tests.workers.cascade.tiny import random_cascade, random_objects
from workers.cascade.cascade import Cascade

SMALL_DISK_BYTES = 300_000_000


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


@pytest.fixture(scope="session")
def cascade() -> Cascade:
    """What the farms render with: `tiny`, random weights."""
    return random_cascade(seed=7)


@pytest.fixture(scope="session")
def one_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneMachine]:
    """Two workers, an API, a Redis of its own and the cascade `tiny`, on SQLite and a folder."""
    try:
        with running_redis() as redis, _small_disk(tmp_path_factory.mktemp("disk")) as disk:
            home = (disk or tmp_path_factory.mktemp("farm")) / "home"
            logs = tmp_path_factory.mktemp("logs-one-machine")
            with open_yard(home, redis=redis, logs=logs) as yard:
                yield OneMachine(_started(yard), disk)
    except ServiceMissing as error:
        skip_or_fail("redis", error)


@pytest.fixture(scope="session")
def servers(shared_rgw: RgwServer | ServiceMissing, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Two workers, an API, a Redis and a Postgres of its own and the cascade `tiny`; objects in a real S3 bucket."""
    if isinstance(shared_rgw, ServiceMissing):
        skip_or_fail("s3", shared_rgw)
    with contextlib.ExitStack() as stack:
        try:
            redis = stack.enter_context(running_redis())
        except ServiceMissing as error:
            skip_or_fail("redis", error)
        try:
            postgres = stack.enter_context(running_postgres())
        except ServiceMissing as error:
            skip_or_fail("postgres", error)
        bucket = stack.enter_context(shared_rgw.bucket())
        s3 = stack.enter_context(running_faulty_s3(shared_rgw.endpoint_url))
        yard = stack.enter_context(
            open_yard(
                tmp_path_factory.mktemp("farm-servers"),
                redis=redis,
                ledger_url=stack.enter_context(postgres.database()),
                told={"storage_url": f"s3://{bucket}/farm", "s3_endpoint_url": s3.url},
                environment=shared_rgw.credentials,
                logs=tmp_path_factory.mktemp("logs-servers"),
            )
        )
        assert not yard.settings.is_sqlite
        yield Servers(_started(yard), postgres, shared_rgw, s3, bucket)


@pytest.fixture(params=["sqlite and folder", "postgres and s3"])
def farm(request: pytest.FixtureRequest) -> Yard:
    """The farm on one machine, and the farm on servers."""
    farm: OneMachine | Servers = request.getfixturevalue(
        "one_machine" if request.param == "sqlite and folder" else "servers"
    )
    return farm.yard


def _started(yard: Yard) -> Yard:
    yard.start_worker("north")
    yard.start_worker("south")
    yard.start_api()
    yard.wait_until_ready("north", "south")
    yard.import_cascade(random_objects(seed=7))
    return yard


@contextlib.contextmanager
def _small_disk(folder: Path) -> Iterator[Path | None]:
    """A file system in memory that can be filled without harm; None where mounting is not allowed."""
    mount = shutil.which("mount")
    options = f"size={SMALL_DISK_BYTES}"
    if os.geteuid() != 0 or mount is None:
        yield None
        return
    done = subprocess.run([mount, "-t", "tmpfs", "-o", options, "farm-tests", str(folder)], check=False)
    if done.returncode:
        yield None
        return
    try:
        yield folder
    finally:
        # Lazily: what a test left open must not keep the session from ending.
        subprocess.run(["umount", "--lazy", str(folder)], check=False)
