"""What the farm adds to a task that does nothing: milliseconds and SQL statements, with raw Celery beside it.

`python -m tests.benchmarks.empty_task` runs the same number of tasks through a real worker on SQLite and on Postgres
(claim, beat thread, finish, nudge), and as many no-ops through Celery alone on the same Redis.
"""

import json
import logging
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from farm.ledger import JobState, Ledger, Limits, open_ledger
from farm.queue import make_app, worker_argv
from farm.settings import Settings, child_environment
from tests.benchmarks.grounds import ORDINARY, Figure
from tests.benchmarks.noop_app import MARKS
from tests.chaos.yard import TOY, open_yard, wait_for
from tests.services.postgres import running_postgres
from tests.services.process import ServiceMissing
from tests.services.redis import RedisServer, running_redis
from tests.workers.test_lifecycle import runner_on
from workers.lifecycle import Assignment

TASKS = 300
TIMES = 5


def main() -> int:
    """Print the table; the exit status."""
    with running_redis() as redis, tempfile.TemporaryDirectory(prefix="farm-bench-") as folder:
        raw = Figure([_celery_alone(redis, Path(folder) / f"raw-{i}") for i in range(TIMES)])
        print(f"raw Celery, a no-op: {raw} ms a task")
        _farm("SQLite", redis, Path(folder) / "sqlite", "")
        try:
            with running_postgres() as cluster, cluster.database() as url:
                _farm("Postgres", redis, Path(folder) / "postgres", url)
        except ServiceMissing as error:
            print(f"no Postgres: {error}")
    return 0


def _farm(name: str, redis: RedisServer, home: Path, url: str) -> None:
    redis.wipe()
    with open_yard(home, redis=redis, ledger_url=url, app=TOY, told=ORDINARY) as yard:
        statements = _statements(yard.settings)
        yard.start_worker("easel")
        yard.wait_until_ready("easel")
        figure = Figure([_one_job(yard.ledger) for _ in range(TIMES)])
    print(f"the farm on {name}, an empty task: {figure} ms from claim to claim, {statements:.1f} SQL statements")


def _one_job(ledger: Ledger) -> float:
    """Milliseconds a task, from the first claim to the last accepted finish."""
    job, _ = ledger.submit({"kind": "render", "unrated": True}, kind="render", ranges=[(0, TASKS * 8)])
    ended = wait_for("the job", lambda: _done(ledger, job.id), timeout_s=300)
    tasks = [task for task in ledger.tasks_of(job.id) if task.kind == "render"]
    last_s = max(task.progress_at or 0.0 for task in tasks)
    return (last_s - (ended.started_at or 0.0)) * 1000 / len(tasks)


def _done(ledger: Ledger, job_id: int):  # type: ignore[no-untyped-def]
    job = ledger.get_job(job_id)
    return job if job.state is JobState.DONE else None


def _statements(settings: Settings) -> float:
    """SQL statements of one ticket that finds an empty task: claim, finish and nudge, as the ledger counts them."""

    def nothing(assignment: Assignment) -> None:
        while assignment.cursor < assignment.hi:
            assignment.settle(assignment.cursor, worked=False)

    logging.getLogger().setLevel(logging.INFO)  # as a worker's is: what a task says is written with its last beat
    with open_ledger(settings.ledger_url, limits=Limits.of(settings)) as ledger:
        job, _ = ledger.submit({"kind": "render", "unrated": True}, kind="render", ranges=[(0, 50 * 8)])
        runner = runner_on(ledger, settings, nothing, name="counter")
        before = ledger.statements
        for _ in range(40):
            runner.serve("render")
        counted = (ledger.statements - before) / 40
        ledger.cancel(job.id)
        ledger.unregister_worker("counter")
    return counted


def _celery_alone(redis: RedisServer, home: Path) -> float:
    """Milliseconds a no-op: the time between two marks around TASKS of them in one queue."""
    redis.wipe()
    home.mkdir()
    settings = Settings.model_validate({"home": home, "redis_url": redis.url})
    app = make_app(settings)
    for name in ("mark", *("noop",) * TASKS, "mark"):
        app.send_task(name, queue="render", ignore_result=True)
    with (home / "noop.log").open("wb") as log:
        worker = subprocess.Popen(
            worker_argv(settings, queues=("render",), app="tests.benchmarks.noop_app"),
            env=child_environment(settings),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        with redis.client() as client:
            wait_for("the no-ops", lambda: client.llen(MARKS) == 2, timeout_s=300)
            begin_s, end_s = (float(json.loads(mark)) for mark in client.lrange(MARKS, 0, 1))
    finally:
        worker.terminate()
        worker.wait(30)
        app.close()
        time.sleep(0.1)
    return (end_s - begin_s) * 1000 / TASKS


if __name__ == "__main__":
    sys.exit(main())
