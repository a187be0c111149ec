"""Many at once: real processes and threads on both databases."""

import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from farm.errors import FarmError, LedgerUnavailable
from farm.ledger import JobState, Ledger, Limits, open_ledger, reporting
from farm.ledger.connection import Database
from farm.ledger.schema import SCHEMA_VERSION
from tests.farm.ledger import crowd
from tests.farm.ledger.acting import ALL, at, claimed, complete, render, single, train, work_off, worker
from tests.farm.ledger.invariants import Watcher
from tests.services.postgres import PostgresCluster

PROCESSES = 8


@pytest.fixture(scope="module")
def processes() -> Iterator[Any]:
    """Starts processes that have imported what they need."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.farm.ledger.crowd"])
    yield context


def run_crowd(context: Any, target: Any, url: str) -> list[tuple[str, list[tuple[int, ...]], str | None]]:
    """What each of the processes told, after all were let go at one moment."""
    start, told = context.Barrier(PROCESSES), context.Queue()
    crowd_ = [context.Process(target=target, args=(url, f"w{n}", start, told)) for n in range(PROCESSES)]
    for process in crowd_:
        process.start()
    answers = [told.get(timeout=100) for _ in crowd_]
    for process in crowd_:
        process.join(240)
    assert [process.exitcode for process in crowd_] == [0] * PROCESSES
    return answers


def at_once(work: Callable[[int], Any], count: int = 8) -> list[Any]:
    """What `count` threads got, started at one moment; an error counts as an answer."""
    barrier, answers = threading.Barrier(count), []

    def one(index: int) -> None:
        barrier.wait(30)
        try:
            answers.append(work(index))
        except FarmError as error:
            answers.append(error)

    threads = [threading.Thread(target=one, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(240)
    return answers


def test_eight_processes_claim_a_thousand_units_each_once(processes: Any, ledger: Ledger, ledger_url: str) -> None:
    job = render(ledger, 0, 1000)
    answers = run_crowd(processes, crowd.work, ledger_url)
    assert [error for _, _, error in answers if error] == []
    work_off(ledger, "w0")
    done = ledger.get_job(job.id)
    assert (done.state, done.done) == (JobState.DONE, 1000)
    claims = [(task, attempt) for _, some, _ in answers for task, attempt, *_ in some]
    assert len(claims) == len(set(claims)) > 50
    watcher = Watcher(ledger_url)
    assert watcher.check().settled(job.id) == [(0, 1000)]
    watcher.close()


def test_many_processes_may_migrate_at_once(processes: Any, empty_url: str) -> None:
    answers = run_crowd(processes, crowd.migrate, empty_url)
    assert [error for _, _, error in answers if error] == []
    database = Database(empty_url, limits=Limits())
    with database.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars().all() == [SCHEMA_VERSION]
    database.close()


def test_of_two_last_finishers_one_closes_the_job(ledger: Ledger, ledger_url: str) -> None:
    # Given: the job's last two tasks run
    for name in ("ada", "bob"):
        ledger.register_worker(worker(name))
    job = render(ledger, 0, 2)
    first, second = claimed(ledger, "ada"), claimed(ledger, "bob")
    database = Database(ledger_url, limits=Limits())
    written, states = threading.Event(), []

    def slow_finish() -> None:
        def finish(tx: Any) -> None:
            states.append(reporting.finish(tx, first.task_id, first.attempt, at(first.hi)).job_state)
            written.set()
            time.sleep(0.3)

        database.write("finish", finish)

    # When: the second finishes while the first has written and not committed
    thread = threading.Thread(target=slow_finish)
    thread.start()
    assert written.wait(30)
    states.append(ledger.finish(second.task_id, second.attempt, at(second.hi)).job_state)
    thread.join()
    database.close()
    # Then: neither misses the other
    assert states == [JobState.RUNNING, JobState.FINISHING]
    assert [task.kind for task in ledger.tasks_of(job.id)] == ["render", "render", "finalise"]


def test_the_same_idempotency_key_at_once_makes_one_job(ledger: Ledger) -> None:
    spec = {"cascade": "c" * 64, "size_px": 64}
    answers = at_once(lambda _: ledger.submit(spec, kind="render", ranges=[(0, 9)], idem_key="once"))
    assert sum(new for _, new in answers) == 1
    assert len({job.id for job, _ in answers}) == 1 == len(ledger.list_jobs())


def test_dataset_versions_reserved_at_once_are_all_different(ledger: Ledger) -> None:
    spec = {"dataset": "faces", "photos": 1}
    answers = at_once(lambda _: ledger.submit(spec, kind="curate", ranges=[(0, 1)])[0].spec["version"])
    assert sorted(answers) == list(range(1, 9))


def test_a_run_is_made_once_whoever_asks_at_once(ledger: Ledger) -> None:
    spec = {"run": "base", "stage": "base", "slice_nimg": 10}
    answers = at_once(lambda _: ledger.submit(spec, kind="train", ranges=[(0, 10)])[0])
    assert sorted(type(answer).__name__ for answer in answers) == ["Conflict"] * 7 + ["Job"]
    assert len(ledger.list_jobs()) == 1


def test_one_task_is_claimed_by_one_of_many(ledger: Ledger) -> None:
    for n in range(8):
        ledger.register_worker(worker(f"w{n}"))
    single(ledger)
    train(ledger, "base", total=1000, slice_nimg=10)
    answers = [claim for claim in at_once(lambda n: ledger.claim(f"w{n}", ALL)) if claim is not None]
    assert sorted(claim.kind for claim in answers) == ["assemble", "train"]


def test_one_tail_is_stolen_by_one_of_many(ledger: Ledger, ledger_url: str) -> None:
    for n in range(8):
        ledger.register_worker(worker(f"w{n}", kinds=["cpu"]))
    ledger.register_worker(worker("owner"))
    job = render(ledger, 0, 8)
    claimed(ledger, "owner", ["render"])
    answers = [claim for claim in at_once(lambda n: ledger.claim(f"w{n}", ["render"])) if claim is not None]
    assert len({claim.lo for claim in answers}) == len(answers) >= 1
    watcher = Watcher(ledger_url)
    watcher.check()
    watcher.close()
    assert ledger.get_job(job.id).state is JobState.RUNNING


def test_threads_that_do_everything_at_once_leave_the_invariants_whole(ledger: Ledger, ledger_url: str) -> None:
    jobs = [render(ledger, n, n + 60, priority=n % 2) for n in range(4)]

    def act(index: int) -> int:
        name = f"w{index}"
        ledger.register_worker(worker(name))
        for turns in range(15):
            claim = ledger.claim(name, ALL)
            steer = (ledger.pause, ledger.resume, ledger.cancel, ledger.retry)[turns % 4]
            if claim is None:
                with_conflicts(steer, jobs[(turns + index) % 4].id)
                ledger.reap()
                continue
            middle = claim.cursor + (claim.hi - claim.cursor) // 2
            ledger.beat(claim.task_id, claim.attempt, at(middle, claim.cursor) if claim.kind == "render" else at(0))
            if turns % 3 == 0:
                ledger.fail(claim.task_id, claim.attempt, at(middle), "it raised")
            elif turns % 3 == 1:
                ledger.release(claim.task_id, claim.attempt, at(middle))
            else:
                ledger.finish(claim.task_id, claim.attempt, at(claim.hi))
        return index

    assert sorted(at_once(act, 4)) == [0, 1, 2, 3]
    watcher = Watcher(ledger_url)
    watcher.check()
    watcher.close()


def with_conflicts(verb: Callable[[int], Any], job_id: int) -> None:
    """Two people at once: who comes second may be told of a conflict."""
    try:
        verb(job_id)
    except FarmError as error:
        assert type(error).__name__ == "Conflict"


@pytest.mark.needs_postgres
def test_a_database_that_restarts_costs_nothing_but_the_time_it_is_away(postgres_cluster: PostgresCluster) -> None:
    with postgres_cluster.database() as url, open_ledger(url) as ledger:
        ledger.register_worker(worker("ada"))
        job = render(ledger, 0, 8)
        claim = claimed(ledger, "ada")
        postgres_cluster.kill()
        with pytest.raises(LedgerUnavailable):
            ledger.beat(claim.task_id, claim.attempt, at(4))
        postgres_cluster.start()
        assert ledger.beat(claim.task_id, claim.attempt, at(4)).owned
        complete(ledger, claim)
        assert ledger.get_job(job.id).state is JobState.FINISHING
