"""Dispatch: as many tickets as free workers could use, and a tick that no outage ends."""

import contextlib
import logging
import threading
from collections.abc import Iterator

import pytest

from farm.dispatch import Dispatcher, Ticker, tickets_wanted
from farm.errors import LedgerUnavailable, QueueUnavailable
from farm.ledger import Demand, Ledger, Task, Worker
from farm.service import Service
from tests.farm.stocking import toy_worker


class FakeQueue:
    """Tickets in a dict; `down` raises as a silent Redis does."""

    def __init__(self) -> None:
        self.lists: dict[str, int] = {}
        self.down = False

    def waiting(self, queue: str) -> int:
        if self.down:
            raise QueueUnavailable("Redis at 10.0.0.7:6379 does not answer")
        return self.lists.get(queue, 0)

    def send(self, queue: str, count: int) -> None:
        self.lists[queue] = self.waiting(queue) + count


@pytest.mark.parametrize(
    ("claimable", "free", "waiting", "wanted"),
    [
        (0, 5, 0, 0),  # nothing to do: an idle farm is silent
        (1, 0, 0, 1),  # all busy: one ticket waits at the door
        (100, 3, 0, 4),
        (2, 3, 0, 3),
        (100, 3, 4, 0),
        (100, 3, 9, 0),  # never negative
        (100, -1, 0, 1),
    ],
)
def test_tickets_are_as_many_as_free_slots_could_use_and_one_to_spare(
    claimable: int, free: int, waiting: int, wanted: int
) -> None:
    assert tickets_wanted(Demand(queue="render", claimable=claimable, free_slots=free), waiting=waiting) == wanted


def test_nudging_often_sends_no_more_than_nudging_once(service: Service) -> None:
    for name in ("a", "b", "c"):
        toy_worker(service.ledger, name)
    service.ledger.submit({"kind": "render", "size_px": 64}, kind="render", ranges=[(0, 1_000_000)])
    queue = FakeQueue()
    dispatcher = Dispatcher(ledger=service.ledger, queue=queue)
    assert dispatcher.nudge()["render"] == 4
    for _ in range(20):
        assert dispatcher.nudge()["render"] == 0
    assert queue.lists == {"render": 4}


def test_lost_tickets_are_sent_again(service: Service) -> None:
    toy_worker(service.ledger)
    service.ledger.submit({"kind": "render"}, kind="render", ranges=[(0, 10)])
    queue = FakeQueue()
    dispatcher = Dispatcher(ledger=service.ledger, queue=queue)
    dispatcher.nudge()
    queue.lists.clear()
    assert dispatcher.tick() is True
    assert queue.lists["render"] == 2


def test_a_silent_redis_is_told_once_and_again_when_it_is_back(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    service.ledger.submit({"kind": "render"}, kind="render", ranges=[(0, 10)])
    queue = FakeQueue()
    queue.down = True
    dispatcher = Dispatcher(ledger=service.ledger, queue=queue)
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            assert dispatcher.nudge() == {}
        queue.down = False
        dispatcher.nudge()
    assert [record.message for record in caplog.records] == [
        "the queue is out: Redis at 10.0.0.7:6379 does not answer; what needs it waits, and goes on by itself",
        "the queue answers again: out for 0 s, 5 requests refused",
    ]


def test_only_one_process_ticks_at_a_time(service: Service) -> None:
    dispatcher = Dispatcher(ledger=service.ledger, queue=FakeQueue())
    with service.ledger.tick_lock() as mine:
        assert mine
        assert dispatcher.tick() is False
    assert dispatcher.tick() is True


class Flaky(Ledger):
    """A ledger that fails when it is told to."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.reaped = threading.Semaphore(0)

    def demand(self) -> list[Demand]:
        return []

    def reap(self) -> list[Task]:
        self.reaped.release()
        if self.error is not None:
            raise self.error
        return []

    def workers(self, *, live: bool = False) -> list[Worker]:
        return []

    @contextlib.contextmanager
    def tick_lock(self, *, every_s: float = 0.0) -> Iterator[bool]:
        yield True


@pytest.mark.parametrize("error", [LedgerUnavailable("the ledger does not answer"), ZeroDivisionError("a mistake")])
def test_the_tick_outlives_every_error(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    ledger = Flaky()
    ticker = Ticker(dispatcher=Dispatcher(ledger=ledger, queue=FakeQueue()), tick_s=0.01)
    ticker.start()
    try:
        ledger.error = error
        for _ in range(4):
            assert ledger.reaped.acquire(timeout=5)
        ledger.error = None
        for _ in range(3):
            assert ledger.reaped.acquire(timeout=5)
    finally:
        ticker.stop()
    told = [record.message for record in caplog.records if "the tick failed" in record.message]
    assert bool(told) is not isinstance(error, LedgerUnavailable), "the ledger tells its outages itself"


def test_a_woken_ticker_ticks_at_once() -> None:
    ledger = Flaky()
    ticker = Ticker(dispatcher=Dispatcher(ledger=ledger, queue=FakeQueue()), tick_s=60)
    ticker.start()
    try:
        assert ledger.reaped.acquire(timeout=5)
        ticker.wake()
        assert ledger.reaped.acquire(timeout=5)
    finally:
        ticker.stop()


def test_what_ticks_along_is_called_before_the_tick() -> None:
    ledger, calls = Flaky(), threading.Semaphore(0)
    ticker = Ticker(dispatcher=Dispatcher(ledger=ledger, queue=FakeQueue()), tick_s=0.01, also=(calls.release,))
    ticker.start()
    try:
        assert calls.acquire(timeout=5)
    finally:
        ticker.stop()
