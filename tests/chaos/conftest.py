"""Broken-and-mended farms, one for each set of services: starting torch again for every fault would take minutes."""

from collections.abc import Iterator

import pytest

from tests.chaos.farms import OneMachine, Servers, open_one_machine, open_servers
from tests.chaos.yard import Yard
from tests.services.postgres import postgres_program
from tests.services.process import ServiceMissing, skip_or_fail
from tests.services.redis import redis_program
from tests.services.rgw import RgwServer
from tests.workers.cascade.tiny import random_cascade
from workers.cascade.cascade import Cascade


@pytest.fixture(scope="session")
def cascade() -> Cascade:
    """What the farms render with: `tiny`, random weights."""
    return random_cascade(seed=7)


@pytest.fixture(scope="session")
def one_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneMachine]:
    """The farm on SQLite and a folder."""
    try:
        redis_program()
    except ServiceMissing as error:
        skip_or_fail("redis", error)
    with open_one_machine(tmp_path_factory.mktemp("one-machine")) as farm:
        yield farm


@pytest.fixture(scope="session")
def servers(shared_rgw: RgwServer | ServiceMissing, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """The farm on Postgres and S3."""
    if isinstance(shared_rgw, ServiceMissing):
        skip_or_fail("s3", shared_rgw)
    for name, look in (("redis", redis_program), ("postgres", lambda: postgres_program("initdb"))):
        try:
            look()
        except ServiceMissing as error:
            skip_or_fail(name, error)
    with open_servers(shared_rgw, tmp_path_factory.mktemp("servers")) as farm:
        yield farm


@pytest.fixture(params=["sqlite and folder", "postgres and s3"])
def farm(request: pytest.FixtureRequest) -> Yard:
    """The farm on one machine, and the farm on servers."""
    name = "one_machine" if request.param == "sqlite and folder" else "servers"
    found: OneMachine | Servers = request.getfixturevalue(name)
    return found.yard
