"""What one attempt says: gathered, bounded, handed on and taken back."""

import logging
import threading
from contextvars import copy_context

import pytest

from farm import logs
from farm.ledger.rows import Claim
from workers.lifecycle.task_log import LIMIT_BYTES, LINE_CHARS, OVERHEAD_BYTES, TaskLog

CLAIM = Claim(task_id=31, job_id=17, kind="render", spec={}, lo=0, hi=4, cursor=0, attempt=2, lease_s=30)
_log = logging.getLogger("tests.workers.task_log")


@pytest.fixture(autouse=True)
def _as_in_a_worker(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def texts(log: TaskLog) -> list[str]:
    return [said.text for said in log.take()]


def test_it_takes_what_is_said_about_its_task_and_about_nothing_else() -> None:
    with TaskLog(CLAIM) as log:
        with logs.about(job=17, task=31, attempt=2):
            _log.info("mine")
            context = copy_context()
            thread = threading.Thread(target=context.run, args=(_log.warning, "from my thread"))
            thread.start()
            thread.join()
        _log.info("a library's thread")
        with logs.about(task=31, attempt=1):
            _log.info("an attempt before")
        with logs.about(task=32, attempt=2):
            _log.info("another task")
        _log.debug("too little")
    _log.info("after its end")
    assert texts(log) == ["mine", "from my thread", "a library's thread"]


def test_lines_keep_their_age_and_number() -> None:
    now = [100.0]
    with TaskLog(CLAIM, clock=lambda: now[0]) as log:
        _log.info("first")
        now[0] += 2.0
        _log.warning("second")
        now[0] += 1.0
        said = log.take()
        _log.info("third")
        assert [(line.seq, line.ago_s, line.level) for line in said] == [(0, 3.0, "info"), (1, 1.0, "warning")]
        assert [line.seq for line in log.take()] == [2]


def test_what_was_not_taken_goes_with_the_next_beat_in_order() -> None:
    with TaskLog(CLAIM) as log:
        _log.info("first")
        log.take()
        _log.info("second")
        log.put_back()
        assert texts(log) == ["first", "second"]
        assert texts(log) == []


def test_a_talkative_task_is_cut_short_and_its_error_still_heard() -> None:
    with TaskLog(CLAIM) as log:
        for number in range(3000):
            _log.info("line %d: %s", number, "x" * 40)
        try:
            raise ValueError("the reason")
        except ValueError:
            _log.exception("failed at 7")
        lines = log.take()
    assert [line.text for line in lines if "more was said" in line.text] == [lines[-2].text]
    assert lines[-1].text.startswith("failed at 7\nTraceback") and lines[-1].text.endswith("ValueError: the reason")
    assert sum(len(line.text) + OVERHEAD_BYTES for line in lines) < LIMIT_BYTES + 2 * OVERHEAD_BYTES


def test_of_a_giant_record_both_ends_are_kept() -> None:
    with TaskLog(CLAIM) as log:
        _log.error("begin %s end", "x" * 100_000)
        [text] = texts(log)
    assert text.startswith("begin x") and text.endswith("x end") and len(text) < LINE_CHARS + 100
