"""One broken-and-mended farm for each database: starting torch again for every fault would take minutes."""

from collections.abc import Iterator

import pytest

from tests.chaos.yard import Yard, open_yard
from tests.services.postgres import PostgresCluster
from tests.services.process import ServiceMissing, skip_or_fail
from tests.services.redis import running_redis
from tests.workers.cascade.tiny import random_objects


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def farm(
    request: pytest.FixtureRequest,
    shared_postgres: PostgresCluster | ServiceMissing,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Yard]:
    """Two workers, an API, a Redis of its own and the cascade `tiny`; on SQLite and on Postgres."""
    home = tmp_path_factory.mktemp(f"farm-{request.param}")
    try:
        with running_redis() as redis:
            if request.param == "sqlite":
                with open_yard(home, redis=redis) as yard:
                    yield _started(yard)
                return
            if isinstance(shared_postgres, ServiceMissing):
                skip_or_fail("postgres", shared_postgres)
            with shared_postgres.database() as url, open_yard(home, redis=redis, ledger_url=url) as yard:
                yield _started(yard)
    except ServiceMissing as error:
        skip_or_fail("redis", error)


def _started(yard: Yard) -> Yard:
    yard.start_worker("north")
    yard.start_worker("south")
    yard.start_api()
    yard.wait_until_ready("north", "south")
    yard.import_cascade(random_objects(seed=7))
    return yard
