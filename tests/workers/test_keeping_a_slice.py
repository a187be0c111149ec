"""A trained slice is worth waiting for a store that refuses it."""

import pytest

from farm.errors import StorageUnavailable
from farm.ledger.rows import Claim, Outcome
from workers.lifecycle import Assignment, StopReason
from workers.tasks import train

CLAIM = Claim(task_id=1, job_id=1, kind="train", spec={}, lo=0, hi=20, cursor=0, attempt=1, lease_s=30)


class Store:
    """Refuses so many times, then takes the slice."""

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals

    def __call__(self) -> Outcome:
        self.refusals -= 1
        if self.refusals >= 0:
            raise StorageUnavailable("the bucket is full")
        return Outcome(output={"log": "kept"})


def test_a_store_that_refuses_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "KEEP_RETRY_S", 0.01)
    assert train.insist(Store(3), Assignment(CLAIM)).output == {"log": "kept"}


def test_a_worker_that_is_told_to_stop_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "KEEP_RETRY_S", 0.01)
    assignment, store = Assignment(CLAIM), Store(3)
    assignment.halt(StopReason.DRAINING)
    with pytest.raises(StorageUnavailable):
        train.insist(store, assignment)
    assert store.refusals == 2
