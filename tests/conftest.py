"""Fixtures every suite may use: real services, started once and only when a test asks.

Each skips its test where the service is not installed, unless FARM_TESTS_REQUIRE names it; then it fails.
"""

from collections.abc import Iterator

import pytest

from tests.services.postgres import PostgresCluster, running_postgres
from tests.services.process import ServiceMissing, skip_or_fail
from tests.services.redis import RedisServer, running_redis


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
