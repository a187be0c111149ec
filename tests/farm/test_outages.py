"""An outage is told once when it begins and once when it ends."""

import logging

import pytest

from farm.outages import ENOUGH_ANSWERS, QUIET_S, Outage


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_a_thousand_refusals_are_one_line_and_the_end_another(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    outage = Outage("the storage", enough=1, clock=clock)
    with caplog.at_level(logging.WARNING):
        for _ in range(1000):
            clock.now_s += 0.01
            outage.refused("it is full")
        assert outage.lasts
        outage.answered()
        outage.answered()
    assert told(caplog) == [
        "the storage is out: it is full; what needs it waits, and goes on by itself",
        "the storage answers again: out for 10 s, 1000 requests refused",
    ]
    assert (outage.lasts, outage.refusals, outage.last_words) == (False, 1000, "it is full")


def test_a_server_that_refuses_some_is_one_outage(caplog: pytest.LogCaptureFixture) -> None:
    outage = Outage("the storage", clock=Clock())
    with caplog.at_level(logging.WARNING):
        for turn in range(300):
            outage.refused("503") if turn % 10 in (0, 3, 7) else outage.answered()
        assert len(told(caplog)) == 1
        for _ in range(ENOUGH_ANSWERS):
            outage.answered()
    assert len(told(caplog)) == 2


def test_the_first_answer_after_a_quiet_time_ends_it() -> None:
    clock = Clock()
    outage = Outage("the storage", clock=clock)
    outage.refused("gone")
    outage.answered()
    assert outage.lasts
    clock.now_s = QUIET_S
    outage.answered()
    assert not outage.lasts


def test_reads_that_succeed_do_not_end_an_outage_of_writes() -> None:
    outage = Outage("the storage", enough=1, clock=Clock())
    outage.refused("full", writing=True)
    outage.answered()
    assert outage.lasts
    outage.answered(writing=True)
    assert not outage.lasts
