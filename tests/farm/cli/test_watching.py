"""Following a job: a bar on a terminal, lines elsewhere."""

import io
from collections.abc import Iterator

import pytest
from rich.console import Console

from farm.cli import watching
from farm.ledger.rows import Job
from farm.ledger.states import JobState
from farm.ledger.waits import Wait
from farm.service.views import JobView


def view(settled: int, state: JobState = JobState.RUNNING, *, waiting: str | None = None, failed: int = 0) -> JobView:
    job = Job(
        id=3,
        kind="render",
        spec={},
        state=state,
        priority=0,
        total=10,
        done=settled - failed,
        failed=failed,
        key_id=None,
        created_at=0.0,
        started_at=1.0,
        ended_at=6.0,
        error=None,
    )
    rate = None if waiting else 2.0
    waits = (Wait(code="no_worker", text=waiting),) if waiting else ()
    return JobView(job=job, settled=settled, rate=rate, seconds_left=(10 - settled) / 2 if rate else None, waits=waits)


def course() -> Iterator[JobView]:
    yield view(0, JobState.QUEUED, waiting="no worker serves 'render'")
    yield view(4)
    yield view(10, JobState.DONE)


def test_a_terminal_sees_a_bar_with_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, steps = io.StringIO(), course()
    monkeypatch.setattr("rich.console.Console", lambda: Console(file=screen, force_terminal=True, width=120))
    monkeypatch.setattr("farm.cli.watching.time.sleep", lambda _s: None)

    ended = watching.follow(3, lambda: next(steps))

    assert ended.job.state is JobState.DONE
    assert "10/10" in screen.getvalue()


def test_a_pipe_gets_lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    steps = course()
    monkeypatch.setattr("farm.cli.watching.time.sleep", lambda _s: None)
    monkeypatch.setattr("farm.cli.watching.LINE_S", 0.0)

    watching.follow(3, lambda: next(steps))

    assert capsys.readouterr().out.splitlines() == [
        "job 3 render queued: 0 of 10 no worker serves 'render'",
        "job 3 render running: 4 of 10 2 portraits/s, 3 s left",
        "job 3 render done: 10 of 10 2 portraits/s, 0 s left",
    ]


@pytest.mark.parametrize(
    ("last", "code", "words"),
    [
        (view(10, JobState.DONE), 0, "done: 10 portraits in 5 s"),
        (view(10, JobState.DONE, failed=2), 1, "2 of 10 portraits failed"),
        (view(4, JobState.FAILED), 1, "farm retry 3"),
        (view(4, JobState.CANCELLED), 1, "cancelled"),
    ],
)
def test_how_a_job_ended_decides_the_exit_code(
    last: JobView, code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert watching.end_of(last) == code
    assert words in capsys.readouterr().out
