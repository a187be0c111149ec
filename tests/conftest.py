"""Fixtures every suite may use: real services, started once and only when a test asks.

Each skips its test where the service is not installed, unless FARM_TESTS_REQUIRE names it; then it fails.
"""

import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from farm.settings import load_settings
from farm.storage import Storage, open_storage
from tests.services.postgres import PostgresCluster, running_postgres
from tests.services.process import ServiceMissing, skip_or_fail
from tests.services.redis import RedisServer, running_redis
from tests.services.rgw import RgwServer, running_rgw

SLOW = ("e2e", "chaos", "hosts", "browser", "docs")
"""Folders of tests that start whole farms."""


def pytest_configure() -> None:
    """SIGTERM ends a session as Ctrl-C does: with everything stopped that it started.

    A busy machine makes Hypothesis slow, which is no finding of its.
    """
    hypothesis.settings.register_profile("farm", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
    hypothesis.settings.load_profile("farm")
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        # A shell that starts this in the background ignores Ctrl-C, and all that is started here would inherit that.
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole farms come last: what is simply wrong shows first."""
    items.sort(key=lambda item: any(folder in item.path.parts for folder in SLOW))


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[RedisServer | ServiceMissing]:
    """The Redis all tests of this session share, or why there is none."""
    try:
        with running_redis() as server:
            yield server
    except ServiceMissing as error:
        yield error


@pytest.fixture
def redis_url(shared_redis: RedisServer | ServiceMissing) -> str:
    """URL of an empty Redis. Do not kill it: `redis_server` is for that."""
    if isinstance(shared_redis, ServiceMissing):
        skip_or_fail("redis", shared_redis)
    shared_redis.wipe()
    return shared_redis.url


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    """A Redis of the test's own, to kill, wipe and restart."""
    try:
        with running_redis() as server:
            yield server
    except ServiceMissing as error:
        skip_or_fail("redis", error)


@pytest.fixture(scope="session")
def shared_postgres() -> Iterator[PostgresCluster | ServiceMissing]:
    """The Postgres cluster all tests of this session share, or why there is none."""
    try:
        with running_postgres() as cluster:
            yield cluster
    except ServiceMissing as error:
        yield error


@pytest.fixture
def postgres_url(shared_postgres: PostgresCluster | ServiceMissing) -> Iterator[str]:
    """SQLAlchemy URL of a new, empty database."""
    if isinstance(shared_postgres, ServiceMissing):
        skip_or_fail("postgres", shared_postgres)
    with shared_postgres.database() as url:
        yield url


@pytest.fixture
def postgres_cluster() -> Iterator[PostgresCluster]:
    """A Postgres cluster of the test's own, to kill and restart."""
    try:
        with running_postgres() as cluster:
            yield cluster
    except ServiceMissing as error:
        skip_or_fail("postgres", error)


@pytest.fixture(scope="session")
def shared_rgw() -> Iterator[RgwServer | ServiceMissing]:
    """The S3 server all tests of this session share, or why there is none."""
    try:
        with running_rgw() as server:
            yield server
    except ServiceMissing as error:
        yield error


@pytest.fixture
def rgw(shared_rgw: RgwServer | ServiceMissing) -> RgwServer:
    """The S3 server. Do not stop it."""
    if isinstance(shared_rgw, ServiceMissing):
        skip_or_fail("s3", shared_rgw)
    return shared_rgw


@pytest.fixture
def s3_environment(rgw: RgwServer, tmp_path: Path) -> Iterator[dict[str, str]]:
    """FARM_* and AWS_* variables of a farm that keeps its objects in a new, empty bucket."""
    with rgw.bucket() as bucket:
        yield {
            "FARM_HOME": str(tmp_path / "home"),
            "FARM_STORAGE_URL": f"s3://{bucket}/some/prefix",
            "FARM_S3_ENDPOINT_URL": rgw.endpoint_url,
            **rgw.credentials,
        }


@pytest.fixture
def s3_storage(s3_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Storage:
    """Storage in a new, empty bucket of the S3 server."""
    for name, value in s3_environment.items():
        monkeypatch.setenv(name, value)
    return open_storage(load_settings(s3_environment))
