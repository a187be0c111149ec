"""One farm over three machines for all tests of this folder: starting torch twice for each would take minutes."""

from collections.abc import Iterator

import pytest

from tests.hosts.farm import WORKERS, ThreeHosts, open_three_hosts
from tests.services.process import ServiceMissing, skip_or_fail
from tests.workers.cascade.tiny import random_objects


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreeHosts]:
    """Services, API and two workers on machines of their own, short leases, and the cascade `tiny`."""
    try:
        with open_three_hosts(tmp_path_factory.mktemp("three-hosts")) as farm:
            for name in WORKERS:
                farm.start_worker(name)
            farm.wait_until_ready(*WORKERS)
            farm.import_cascade(random_objects(seed=7))
            yield farm
    except ServiceMissing as error:
        skip_or_fail("hosts", error)
