"""Random walks with deaths after commits: see walk.py."""

from collections.abc import Callable

import pytest

from farm.ledger import Ledger
from tests.farm.ledger.acting import Clock
from tests.farm.ledger.invariants import Watcher
from tests.farm.ledger.walk import Failpoint, Walk


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_every_invariant_holds_and_every_job_ends(
    seed: int, open_one: Callable[..., Ledger], ledger_url: str, clock: Clock
) -> None:
    failpoint = Failpoint()
    ledgers = (open_one(failpoint=failpoint), open_one(failpoint=failpoint))
    watcher = Watcher(ledger_url)
    try:
        walk = Walk(seed, ledgers, failpoint, watcher=watcher, clock=clock)
        walk.run(120)
        assert failpoint.killed, "nobody was killed"
    finally:
        watcher.close()
