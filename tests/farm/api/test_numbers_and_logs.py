"""GET /metrics, the logs of jobs and tasks, and the API's own lines."""

import logging
import re

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from farm.errors import LedgerUnavailable
from farm.ledger import Ledger, Role
from farm.ledger.rows import Progress, Said, Worker
from farm.logs import FIELDS, ids
from farm.service import Service
from farm.service.numbers import FRESH_S, Census
from tests.farm.stocking import CountingQueue

EASEL = Worker(
    name="easel",
    kinds=("render", "cpu"),
    device="cpu",
    render_class="toy",
    slots=1,
    draining=False,
    seen_at=0.0,
    leave_until=None,
)


def samples(text: str) -> dict[tuple[str, ...], float]:
    """Samples by (name, label values in order of their names)."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def at_work(ledger: Ledger, key: str) -> tuple[int, int]:
    """A job of the key's with one task of four in hand that has said two lines; job and task."""
    owner = ledger.find_key(key)
    assert owner is not None
    job, _ = ledger.submit({"kind": "render"}, kind="render", ranges=[(0, 400)], key_id=owner.id)
    ledger.register_worker(EASEL)
    claim = ledger.claim("easel", ("render",))
    assert claim is not None
    said = (Said(seq=0, ago_s=2.0, level="info", text="first"), Said(seq=1, ago_s=1.0, level="warning", text="second"))
    ledger.beat(claim.task_id, claim.attempt, Progress(cursor=claim.cursor, said=said))
    return job.id, claim.task_id


def test_the_numbers_are_those_of_the_ledger(
    api: httpx.Client, api_service: Service, api_queue: CountingQueue, secret: str
) -> None:
    at_work(api_service.ledger, secret)
    found = samples(api.get("/metrics").text)
    assert found["farm_jobs", "render", "running"] == 1
    assert found["farm_tasks", "render", "running"] == 1
    assert (found["farm_workers", "render", "busy"], found["farm_workers", "cpu", "busy"]) == (1, 1)
    assert found["farm_free_slots", "render"] == 0
    assert found["farm_lease_losses_total",] == 0
    assert {name[1]: value for name, value in found.items() if name[0] == "farm_outage"} == {
        "ledger": 0,
        "queue": 1,  # no Redis is set here
        "storage": 0,
    }


def test_requests_are_counted_by_their_template(api: httpx.Client) -> None:
    for path in ("/v1/jobs/1", "/v1/jobs/2", "/v1/jobs?limit=3", "/nowhere"):
        api.get(path)
    found = samples(api.get("/metrics").text)
    assert found["farm_http_requests_total", "GET", "/v1/jobs/{job_id}", "404"] == 2
    assert found["farm_http_requests_total", "GET", "/v1/jobs", "200"] == 1
    assert found["farm_http_requests_total", "GET", "none", "404"] == 1
    assert found["farm_http_request_seconds_count", "GET", "/v1/jobs/{job_id}"] == 2


def test_numbers_need_a_key(stranger: httpx.Client) -> None:
    assert stranger.get("/metrics").status_code == 401


def test_a_lost_lease_is_counted_for_ever(service: Service) -> None:
    ledger = service.ledger
    ledger.submit({"kind": "render"}, kind="render", ranges=[(0, 4)])
    ledger.register_worker(EASEL)
    assert ledger.claim("easel", ("render",)) is not None
    ledger.abandon("easel")
    [task] = ledger.reap()
    assert ledger.counts().leases_lost == 1
    [line] = ledger.task_log(task.id)
    assert (line.attempt, line.level, line.text) == (1, "error", "lost: easel fell silent")


def test_many_scrapes_ask_the_ledger_once(service: Service, queue: CountingQueue) -> None:
    now = [100.0]
    census = Census(ledger=service.ledger, queue=queue, storage=service.storage, clock=lambda: now[0])  # type: ignore[arg-type]
    census.read()
    before = service.ledger.statements
    for _ in range(20):
        census.read()
    assert service.ledger.statements == before
    now[0] += FRESH_S + 1
    census.read()
    assert before < service.ledger.statements <= before + 12


def test_without_a_ledger_there_is_still_an_answer(service: Service, queue: CountingQueue) -> None:
    class Away(Ledger):
        def counts(self):  # type: ignore[no-untyped-def]
            raise LedgerUnavailable("the ledger does not answer")

    queue.down = True
    away = Away(service.ledger._db)
    found = Census(ledger=away, queue=queue, storage=service.storage).read()  # type: ignore[arg-type]
    assert (found.counts, found.out) == (None, {"ledger": True, "queue": True, "storage": False})


# Logs of jobs and tasks


def test_what_a_task_said_is_paged_by_line(api: httpx.Client, api_service: Service, secret: str) -> None:
    job, task = at_work(api_service.ledger, secret)
    page = api.get(f"/v1/tasks/{task}/log", params={"limit": 1}).json()
    assert [(line["text"], line["level"], line["task"], line["attempt"]) for line in page["lines"]] == [
        ("first", "info", task, 1)
    ]
    rest = api.get(f"/v1/tasks/{task}/log", params={"after": page["next_after"]}).json()
    assert ([line["text"] for line in rest["lines"]], rest["next_after"]) == (["second"], None)
    assert [line["text"] for line in api.get(f"/v1/jobs/{job}/log").json()["lines"]] == ["first", "second"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", rest["lines"][0]["at"])


def test_logs_of_others_are_not_there(api: httpx.Client, api_service: Service) -> None:
    job, task = at_work(api_service.ledger, api_service.ledger.create_key("another", Role.ARTIST)[1])
    assert [api.get(path).status_code for path in (f"/v1/jobs/{job}/log", f"/v1/tasks/{task}/log")] == [404, 404]
    assert api.get("/v1/tasks/99/log").status_code == 404


def test_lines_of_a_lost_attempt_are_not_taken(service: Service, secret: str) -> None:
    _, task = at_work(service.ledger, secret)
    late = Progress(cursor=0, said=(Said(seq=2, ago_s=0.0, level="info", text="late"),))
    assert not service.ledger.beat(task, 2, late).owned
    assert [line.text for line in service.ledger.task_log(task)] == ["first", "second"]


def test_a_line_that_comes_twice_is_kept_once(service: Service, secret: str) -> None:
    _, task = at_work(service.ledger, secret)
    again = Progress(cursor=0, said=(Said(seq=1, ago_s=1.0, level="warning", text="second"),))
    assert service.ledger.beat(task, 1, again).owned
    assert [line.text for line in service.ledger.task_log(task)] == ["first", "second"]


def test_a_beat_of_a_silent_task_costs_no_statement_more(service: Service, secret: str) -> None:
    _, task = at_work(service.ledger, secret)

    def statements(*said: Said) -> int:
        before = service.ledger.statements
        service.ledger.beat(task, 1, Progress(cursor=0, said=said))
        return service.ledger.statements - before

    silent = statements()
    assert statements(*(Said(seq=seq, ago_s=0.0, level="info", text="x") for seq in range(2, 30))) == silent + 1


# The API's own lines


def test_each_request_is_told_once_with_key_and_id(
    app: FastAPI, api: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[dict[str, object]] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append({**ids(), **getattr(record, FIELDS, {}), "message": record.getMessage()})

    listener = Listener()
    logger = logging.getLogger("farm.api.access_log")
    logger.addHandler(listener)
    try:
        with caplog.at_level(logging.INFO, "farm.api.access_log"):
            answer = api.get("/v1/jobs/7", headers={"X-Request-ID": "abc-1"})
            strange = api.get("/health", headers={"X-Request-ID": "two words"})
    finally:
        logger.removeHandler(listener)
    assert answer.headers["X-Request-ID"] == "abc-1"
    assert re.fullmatch("[0-9a-f]{16}", strange.headers["X-Request-ID"])
    [line] = heard
    assert {name: line[name] for name in ("request", "key", "method", "path", "status")} == {
        "request": "abc-1", "key": "test", "method": "GET", "path": "/v1/jobs/7", "status": 404,
    }  # fmt: skip
    assert str(line["message"]).startswith("GET /v1/jobs/7 404 in ")


def test_a_fault_is_told_with_its_requests_id(
    app: FastAPI, api: httpx.Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[object] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(ids().get("request"))

    monkeypatch.setattr(Service, "jobs", lambda *_, **__: 1 / 0)
    logger, listener = logging.getLogger("farm.api.problems"), Listener()
    logger.addHandler(listener)
    try:
        answer = api.get("/v1/jobs", headers={"X-Request-ID": "the-one"})
    finally:
        logger.removeHandler(listener)
    assert (answer.status_code, heard) == (500, ["the-one"])
