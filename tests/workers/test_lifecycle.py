"""Claim, beat, close: one assignment's life in one process, on both databases."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from farm.dispatch import Dispatcher
from farm.errors import LedgerUnavailable, StorageUnavailable, WorkFailed
from farm.ledger import (
    BeatReply,
    Claim,
    JobState,
    Ledger,
    Limits,
    Outcome,
    PortraitRow,
    Progress,
    TaskState,
    Worker,
    open_ledger,
)
from farm.settings import Settings
from tests.services.postgres import PostgresCluster
from tests.services.process import ServiceMissing, skip_or_fail
from workers.lifecycle import Assignment, Handler, Post, Runner, StopReason, runner
from workers.lifecycle.announce import readable_args

CLAIM = Claim(task_id=1, job_id=1, kind="render", spec={}, lo=10, hi=20, cursor=12, attempt=1, lease_s=30)


class Silence:
    """A queue nobody listens to."""

    def waiting(self, queue: str) -> int:
        return 0

    def send(self, queue: str, count: int) -> None:
        return None


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    quick = {"beat_s": 0.05, "lease_s": 2.0, "stall_s": 60.0, "task_target_s": 60.0}
    return Settings.model_validate({"home": tmp_path, "redis_url": "redis://127.0.0.1:1/0", **quick})


@pytest.fixture(params=["sqlite", "postgres"])
def ledger(
    request: pytest.FixtureRequest, settings: Settings, shared_postgres: PostgresCluster | ServiceMissing
) -> Iterator[Ledger]:
    if request.param == "sqlite":
        with open_ledger(settings.ledger_url, limits=Limits.of(settings)) as opened:
            yield opened
        return
    if isinstance(shared_postgres, ServiceMissing):
        skip_or_fail("postgres", shared_postgres)
    with shared_postgres.database() as url, open_ledger(url, limits=Limits.of(settings)) as opened:
        yield opened


def runner_on(ledger: Ledger, settings: Settings, handler: Handler, *, name: str = "one", **more: object) -> Runner:
    row = Worker(
        name=name,
        kinds=("render", "cpu"),
        device="cpu",
        render_class="toy",
        slots=1,
        draining=False,
        seen_at=0.0,
        leave_until=None,
    )
    ledger.register_worker(row)
    return Runner(
        ledger=ledger,
        dispatcher=Dispatcher(ledger=ledger, queue=Silence()),
        post=Post(name, ("render", "cpu")),
        handlers={"render": handler, "finalise": settle_all},
        settings=settings,
        **more,  # type: ignore[arg-type]
    )


def settle_all(assignment: Assignment) -> Outcome | None:
    while assignment.cursor < assignment.hi and not assignment.stop:
        assignment.settle(assignment.cursor)
    return None


def submitted(ledger: Ledger, count: int = 6) -> int:
    return ledger.submit({"kind": "render", "size_px": 64}, kind="render", ranges=[(0, count)])[0].id


# One assignment


def test_units_are_settled_in_order_only() -> None:
    assignment = Assignment(CLAIM)
    assignment.settle(12)
    with pytest.raises(WorkFailed, match="out of order"):
        assignment.settle(14)
    assert assignment.cursor == 13


def test_what_a_beat_could_not_write_goes_with_the_next_one() -> None:
    assignment = Assignment(CLAIM)
    row = PortraitRow(recipe="r", key="k", sha256="s", size_bytes=1, render_class="c")
    assignment.settle(12, portrait=row)
    assignment.settle(13, error="broken")
    lost = assignment.take()
    assignment.put_back(lost)
    again = assignment.take()
    assert (again.cursor, again.portraits, [f.unit for f in again.failures]) == (14, (row,), [13])
    assert assignment.take().portraits == ()


def test_a_steal_lowers_the_end_and_nothing_raises_it_again() -> None:
    assignment = Assignment(CLAIM)
    assignment.accept(BeatReply(owned=True, hi=15))
    assignment.accept(BeatReply(owned=True, hi=18))
    assert assignment.hi == 15


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (BeatReply(owned=False), StopReason.LOST),
        (BeatReply(owned=True, hi=20, job_state=JobState.CANCELLED), StopReason.CANCELLED),
        (BeatReply(owned=True, hi=20, draining=True), StopReason.DRAINING),
        (BeatReply(owned=True, hi=20, job_state=JobState.PAUSED), None),
    ],
)
def test_a_beat_brings_back_why_to_stop(reply: BeatReply, reason: StopReason | None) -> None:
    assignment = Assignment(CLAIM)
    assignment.accept(reply)
    assert assignment.stop_reason is reason
    assert assignment.may_write is (reason is not StopReason.LOST)


def test_a_lost_lease_is_never_anything_else_again() -> None:
    assignment = Assignment(CLAIM)
    assignment.accept(BeatReply(owned=False))
    assignment.halt(StopReason.DRAINING)
    assert assignment.stop_reason is StopReason.LOST


def test_a_task_of_wrongly_guessed_size_is_given_back_after_its_budget_and_one_unit() -> None:
    now = [0.0]
    assignment = Assignment(CLAIM, budget_s=10, clock=lambda: now[0])
    now[0] = 100.0
    assert not assignment.stop, "not before one unit is done, or a slow unit would never be"
    assignment.settle(12)
    assert assignment.stop_reason is StopReason.LONG_ENOUGH


def test_the_rate_counts_work_since_it_began_and_not_what_was_found() -> None:
    now = [0.0]
    assignment = Assignment(CLAIM, clock=lambda: now[0])
    now[0] = 50.0  # weights were loaded
    assignment.begin()
    assignment.settle(12, worked=False)
    assert assignment.take().rate is None
    now[0] = 52.0
    assignment.settle(13)
    assert assignment.take().rate == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("kind", "spec", "args"),
    [
        ("render", {"size_px": 1024}, "job=17 seeds=128..191 1024px"),
        ("curate", {"dataset": "studio"}, "job=17 photos=128..191 dataset=studio"),
        ("reverdict", {"dataset": "studio", "of_version": 2}, "job=17 dataset=studio@2"),
        ("train", {"run": "first"}, "job=17 run=first images=128..191"),
        ("assemble", {"cascade": "demo"}, "job=17 cascade=demo"),
        ("finalise", {"kind": "render"}, "job=17 of=render"),
    ],
)
def test_claims_are_readable(kind: str, spec: dict[str, object], args: str) -> None:
    claim = Claim(task_id=1, job_id=17, kind=kind, spec=spec, lo=128, hi=192, cursor=128, attempt=1, lease_s=1)
    assert readable_args(claim) == args


# The runner


def test_a_job_is_worked_off_and_finalised(ledger: Ledger, settings: Settings) -> None:
    job_id = submitted(ledger)
    worker = runner_on(ledger, settings, settle_all)
    heard: list[str] = []
    assert worker.serve("render", announce=lambda claim: heard.append(claim.kind)) == "done up to 6"
    assert worker.serve("render", announce=lambda claim: heard.append(claim.kind)) == "done up to 1"
    assert worker.serve("render") == "nothing to claim"
    assert heard == ["render", "finalise"]
    assert ledger.get_job(job_id).state is JobState.DONE


def test_an_error_is_recorded_with_what_was_settled_before_it(ledger: Ledger, settings: Settings) -> None:
    def handler(assignment: Assignment) -> None:
        assignment.settle(0)
        raise ValueError("no such colour")

    job_id = submitted(ledger)
    with pytest.raises(WorkFailed, match="ValueError: no such colour"):
        runner_on(ledger, settings, handler).serve("render")
    [task] = ledger.tasks_of(job_id)
    assert (task.state, task.cursor, task.failures, task.losses) == (TaskState.PENDING, 1, 1, 0)
    assert task.error == "ValueError: no such colour"


def test_an_outage_of_storage_counts_nothing(
    ledger: Ledger, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "OUTAGE_PAUSE_S", 0.1)

    def handler(assignment: Assignment) -> None:
        assignment.settle(0)
        raise StorageUnavailable("the disk is full")

    job_id = submitted(ledger)
    assert "the disk is full" in runner_on(ledger, settings, handler).serve("render")
    open_tasks = [task for task in ledger.tasks_of(job_id) if task.state is TaskState.PENDING]
    assert [(t.lo, t.failures, t.losses) for t in open_tasks] == [(1, 0, 0)]


def test_draining_gives_the_rest_back_and_claims_no_more(ledger: Ledger, settings: Settings) -> None:
    worker: list[Runner] = []

    def handler(assignment: Assignment) -> None:
        assignment.settle(0)
        worker[0].drain()
        settle_all(assignment)

    job_id = submitted(ledger)
    worker.append(runner_on(ledger, settings, handler))
    assert worker[0].serve("render") == "given back at 1: the worker is draining"
    assert worker[0].serve("render") == "draining"
    assert ledger.get_job(job_id).done == 1


def wait_until(found: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 30
    while not found():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def test_a_draining_mark_in_the_ledger_reaches_the_handler_by_the_beat(ledger: Ledger, settings: Settings) -> None:
    def handler(assignment: Assignment) -> None:
        assignment.settle(0)
        ledger.drain_worker("one")
        wait_until(lambda: assignment.stop)

    submitted(ledger)
    assert runner_on(ledger, settings, handler).serve("render") == "given back at 1: the worker is draining"


def test_a_cancelled_job_stops_its_running_task(ledger: Ledger, settings: Settings) -> None:
    job_id = submitted(ledger)

    def handler(assignment: Assignment) -> None:
        ledger.cancel(job_id)
        wait_until(lambda: assignment.stop)

    assert "cancelled" in runner_on(ledger, settings, handler).serve("render")
    assert [task.state for task in ledger.tasks_of(job_id)] == [TaskState.CANCELLED]


def test_a_paused_job_lets_its_running_task_end(ledger: Ledger, settings: Settings) -> None:
    job_id = submitted(ledger)

    def handler(assignment: Assignment) -> None:
        ledger.pause(job_id)
        time.sleep(3 * settings.beat_s)
        settle_all(assignment)

    assert runner_on(ledger, settings, handler).serve("render") == "done up to 6"


def test_a_paused_training_is_given_back_in_the_middle_of_its_slice() -> None:
    paused = BeatReply(owned=True, hi=100, job_state=JobState.PAUSED)
    for kind, reason in (("train", StopReason.PAUSED), ("render", None)):
        claim = Claim(task_id=1, job_id=1, kind=kind, spec={}, lo=0, hi=100, cursor=0, attempt=1, lease_s=30)
        assignment = Assignment(claim)
        assignment.accept(paused)
        assert assignment.stop_reason is reason


def test_a_long_unit_keeps_its_lease(ledger: Ledger, settings: Settings) -> None:
    job_id = submitted(ledger)

    def handler(assignment: Assignment) -> None:
        time.sleep(1.2 * settings.lease_s)
        assert ledger.reap() == []
        settle_all(assignment)

    assert runner_on(ledger, settings, handler).serve("render") == "done up to 6"
    assert all(task.losses == 0 for task in ledger.tasks_of(job_id))


def test_a_stall_is_recorded_and_the_process_leaves_after_its_grace(
    ledger: Ledger, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.lifecycle.beat.LEAVE_S", 0.2)
    left = threading.Event()

    def handler(assignment: Assignment) -> None:
        assert left.wait(30), "the process should have left"

    job_id = submitted(ledger)
    hasty = settings.model_copy(update={"stall_s": 0.3})
    answer = runner_on(ledger, hasty, handler, leave=left.set).serve("render")
    assert answer == f"stopped: {StopReason.STALLED}"
    [task] = ledger.tasks_of(job_id)
    assert (task.failures, task.error) == (1, "no progress for 0.3 s")


def test_who_lost_its_lease_writes_nothing_and_leaves(
    ledger: Ledger, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.lifecycle.beat.LEAVE_S", 0.2)
    left = threading.Event()
    job_id = submitted(ledger)

    def handler(assignment: Assignment) -> None:
        claim = assignment.claim
        ledger.release(claim.task_id, claim.attempt, Progress(cursor=claim.cursor))  # as another attempt's start would
        assignment.settle(0)
        assert left.wait(30)

    assert runner_on(ledger, settings, handler, leave=left.set).serve("render") == f"stopped: {StopReason.LOST}"
    assert ledger.get_job(job_id).done == 0


def test_a_handler_that_returns_in_time_stays(
    ledger: Ledger, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.lifecycle.beat.LEAVE_S", 1.0)
    left = threading.Event()

    def handler(assignment: Assignment) -> None:
        wait_until(lambda: not assignment.may_write)

    submitted(ledger)
    hasty = settings.model_copy(update={"stall_s": 0.3})
    runner_on(ledger, hasty, handler, leave=left.set).serve("render")
    assert not left.wait(1.3)


NOTHING = Outcome()


class Absent(Ledger):
    """A ledger whose next `missing` last writes find no database."""

    def __init__(self, real: Ledger, missing: int) -> None:
        self._db = real._db
        self.missing = missing

    def finish(self, task_id: int, attempt: int, progress: Progress, outcome: Outcome = NOTHING) -> BeatReply:
        self.missing -= 1
        if self.missing >= 0:
            raise LedgerUnavailable("the ledger does not answer")
        return super().finish(task_id, attempt, progress, outcome)


def test_the_last_write_waits_for_a_database_that_restarts(
    ledger: Ledger, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "LEDGER_RETRY_S", 0.01)
    job_id = submitted(ledger)
    assert runner_on(Absent(ledger, 3), settings, settle_all).serve("render") == "done up to 6"
    assert ledger.get_job(job_id).done == 6


def test_what_the_ledger_refuses_is_a_failure_with_its_reason(ledger: Ledger, settings: Settings) -> None:
    class Refusing(Absent):
        def finish(self, *_: object) -> BeatReply:
            raise WorkFailed("this outcome makes no sense")

    job_id = submitted(ledger)
    with pytest.raises(WorkFailed, match="makes no sense"):
        runner_on(Refusing(ledger, 0), settings, settle_all).serve("render")
    # Every unit was settled, so nothing is done again for it; the reason is kept.
    assert "makes no sense" in str([task.error for task in ledger.tasks_of(job_id)])


def test_a_ticket_asks_its_own_queue_before_the_others(ledger: Ledger, settings: Settings) -> None:
    older = submitted(ledger)
    ledger.submit({"kind": "import", "cascade": "x"}, kind="import", ranges=[(0, 1)])
    worker = runner_on(ledger, settings, settle_all)
    heard: list[str] = []
    with pytest.raises(WorkFailed, match="no handler for 'import'"):
        worker.serve("cpu", announce=lambda claim: heard.append(claim.kind))
    worker.serve("cpu", announce=lambda claim: heard.append(claim.kind))
    assert heard == ["import", "render"]
    assert ledger.get_job(older).done == 6
