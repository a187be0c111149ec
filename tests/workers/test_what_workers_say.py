"""A real worker's log, its tasks' logs in the ledger, and its numbers, on a real Redis."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from farm.ledger import JobState, TaskState
from farm.ledger.rows import LogLine
from tests.chaos.yard import TOY, Yard, open_yard, wait_for
from tests.services.process import ServiceMissing, free_ports, skip_or_fail
from tests.services.redis import running_redis

FORGED = "bad\n2026-01-01 00:00:00Z ERROR job=1: forged redis://:hunter2@host/0"
MEANT = "bad\\n2026-01-01 00:00:00Z ERROR job=1: forged redis://:***@host/0"


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    """One worker that speaks JSON and tells its numbers."""
    told = {"log_format": "json", "metrics_port": free_ports(1)[0]}
    try:
        with (
            running_redis() as redis,
            open_yard(tmp_path_factory.mktemp("says"), redis=redis, app=TOY, told=told) as opened,
        ):
            opened.start_worker("easel")
            opened.wait_until_ready("easel")
            yield opened
    except ServiceMissing as error:
        skip_or_fail("redis", error)


def submitted(yard: Yard, count: int = 4, **spec: object) -> int:
    return yard.ledger.submit({"kind": "render", "size_px": 64, **spec}, kind="render", ranges=[(0, count)])[0].id


def log_of(yard: Yard, job_id: int) -> list[LogLine]:
    return yard.ledger.job_log(job_id, limit=1000)


def spoken(yard: Yard) -> list[dict[str, object]]:
    """Every line of the worker's log. A line that is no JSON object fails the test."""
    lines = [json.loads(line) for line in yard.workers["easel"].says().splitlines()]
    assert all(isinstance(line, dict) for line in lines)
    return lines


def scraped(yard: Yard, key: str) -> httpx.Response:
    address = f"http://127.0.0.1:{yard.settings.metrics_port}/metrics"
    return httpx.get(address, headers={"Authorization": f"Bearer {key}"}, trust_env=False, timeout=10)


def numbers(yard: Yard) -> dict[tuple[str, str], float]:
    """Samples by (name, value of the label `kind`)."""
    answer = scraped(yard, yard.key)
    assert answer.status_code == 200
    return {
        (sample.name + sample.labels.get("outcome", ""), sample.labels.get("kind", "")): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if "le" not in sample.labels
    }


def test_each_line_is_one_json_object_with_the_ids_of_its_task_and_none_comes_twice(yard: Yard) -> None:
    job_id = submitted(yard, say=FORGED)
    yard.wait_until_ended(job_id)
    lines = [line for line in spoken(yard) if line.get("job") == job_id and line.get("kind") == "render"]
    [task] = [task for task in yard.record(job_id) if task.kind == "render"]
    assert {(line["task"], line["attempt"], line["worker"]) for line in lines} == {(task.id, 1, "easel")}
    assert [line["message"] for line in lines if str(line["message"]).startswith("unit")] == [
        f"unit {unit}: {MEANT}" for unit in range(4)
    ]
    assert "hunter2" not in yard.workers["easel"].says()
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in spoken(yard))


def test_what_a_task_says_is_in_the_ledger_in_order_and_by_its_clock(yard: Yard) -> None:
    before_s = yard.ledger.now()
    job_id = submitted(yard, say=FORGED)
    yard.wait_until_ended(job_id)
    [task] = [task for task in yard.record(job_id) if task.kind == "render"]
    lines = yard.ledger.task_log(task.id)
    assert [line.text for line in lines] == [
        f"render job={job_id} seeds=0..3 64px",
        *(f"unit {unit}: {MEANT}" for unit in range(4)),
        lines[-1].text,
    ]
    assert lines[-1].text.startswith("worked up to 4 in")
    assert [line for line in log_of(yard, job_id) if line.task_id == task.id] == lines
    assert yard.ledger.task_log(task.id, after_id=lines[3].id, limit=1) == [lines[4]]
    times = [line.at for line in lines]
    assert times == sorted(times)
    assert before_s - 1 < times[0] <= times[-1] < yard.ledger.now() + 1


def test_the_log_of_a_task_that_failed_ends_with_its_traceback(yard: Yard) -> None:
    job_id = submitted(yard, count=1, **{"raise": FORGED})
    wait_for("a failure", lambda: any(task.failures for task in yard.record(job_id)))
    lines = [line for line in log_of(yard, job_id) if line.level == "error"]
    assert lines[0].text.startswith(f"failed at 0: ValueError: {MEANT}\nTraceback (most recent call last)")
    assert lines[0].text.splitlines()[-1] == "2026-01-01 00:00:00Z ERROR job=1: forged redis://:***@host/0"
    yard.ledger.cancel(job_id)
    told = [line for line in spoken(yard) if line.get("job") == job_id and line.get("trace")]
    assert len(told) == len([line for line in told if line["attempt"]]), "one traceback a failure"
    assert len({line["attempt"] for line in told}) == len(told)


def test_what_was_said_before_the_last_beat_outlives_its_process(yard: Yard) -> None:
    job_id = submitted(yard, say="before the end", hang=[2])
    wait_for("the beat", lambda: [line for line in log_of(yard, job_id) if line.text.startswith("unit 1")])
    yard.ledger.cancel(job_id)  # so that nobody begins its unit without an end again
    os.kill(yard.workers["easel"].child().pid, signal.SIGKILL)
    wait_for("the loss", lambda: all(task.state is TaskState.CANCELLED for task in yard.record(job_id)))
    first = [line.text for line in log_of(yard, job_id) if line.attempt == 1]
    assert first[1:] == [*(f"unit {unit}: before the end" for unit in range(2)), "lost: easel fell silent"]
    yard.wait_until_ready("easel")


def test_the_numbers_agree_with_the_record(yard: Yard) -> None:
    before = numbers(yard)
    jobs = [submitted(yard, count=12) for _ in range(3)]
    ended = yard.wait_until_ended(*jobs)
    assert {job.state for job in ended} == {JobState.DONE}
    record = [task for job_id in jobs for task in yard.record(job_id)]
    after = wait_for(
        "the last count", lambda: _grown(yard, before, attempts=sum(task.attempt for task in record)), timeout_s=20
    )
    for kind in ("render", "finalise"):
        tasks = [task for task in record if task.kind == kind]
        done = sum(task.state is TaskState.DONE for task in tasks)
        name = ("farm_task_seconds_countdone", kind)
        assert after[name] - before.get(name, 0) == done
        units = ("farm_settled_units_total", kind)
        assert after[units] - before.get(units, 0) == sum(task.hi - task.lo for task in tasks)


def _grown(yard: Yard, before: dict[tuple[str, str], float], *, attempts: int) -> dict[tuple[str, str], float] | None:
    after = numbers(yard)
    seen = [sum(v for (name, _), v in found.items() if "seconds_count" in name) for found in (before, after)]
    return after if seen[1] - seen[0] >= attempts else None


def test_numbers_are_for_keys_only(yard: Yard, tmp_path: Path) -> None:
    refused = scraped(yard, "not-a-key")
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert "farm_" not in refused.text
