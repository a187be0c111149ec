"""Jobs over HTTP."""

import time
from typing import Any

import httpx
import pytest

from farm.api.problems import MEDIA_TYPE
from farm.ledger import Role
from farm.service import Service
from tests.farm.stocking import DIGEST, add_cascade, add_dataset, add_run, work_off

RENDER = {"kind": "render", "cascade": "demo", "seeds": "0..9", "size_px": 32}


def test_a_job_is_submitted_watched_and_its_portraits_fetched(api: httpx.Client, service: Service) -> None:
    # Given a cascade
    add_cascade(service)

    # When a job is submitted and worked off
    answer = api.post("/v1/jobs", json=RENDER)
    job = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (201, f"/v1/jobs/{job['id']}")
    assert (job["state"], job["total"], job["settled"], job["spec"]["cascade"]) == ("queued", 10, 0, DIGEST)
    assert "no worker" in job["waiting"]
    work_off(service)

    # Then it is done, and every portrait and file it left can be fetched
    job = api.get(f"/v1/jobs/{job['id']}").json()
    assert (job["state"], job["settled"], job["waiting"]) == ("done", 10, None)
    portraits = api.get(f"/v1/jobs/{job['id']}/portraits").json()["portraits"]
    assert [p["seed"] for p in portraits] == [str(seed) for seed in range(10)]
    assert api.get(portraits[3]["url"]).content == f"portrait {portraits[3]['recipe']}".encode()
    (file,) = api.get(f"/v1/jobs/{job['id']}/files").json()
    assert api.get(file["url"]).content == b"a contact sheet"


def test_the_same_request_with_the_same_idempotency_key_makes_one_job(api: httpx.Client, service: Service) -> None:
    add_cascade(service)
    once = {"Idempotency-Key": "a-b-c"}

    first, again = (api.post("/v1/jobs", json=RENDER, headers=once) for _ in range(2))
    other = api.post("/v1/jobs", json={**RENDER, "seeds": "1"}, headers=once)

    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 409)
    assert first.json()["id"] == again.json()["id"]
    assert other.json()["type"] == "urn:portrait-farm:problem:conflict"


def test_an_idempotency_key_is_its_sender_s_own(api: httpx.Client, service: Service) -> None:
    add_cascade(service)
    other = service.ledger.create_key("other", Role.ARTIST)[1]
    once = {"Idempotency-Key": "a-b-c"}

    first = api.post("/v1/jobs", json=RENDER, headers=once)
    second = api.post("/v1/jobs", json=RENDER, headers={**once, "Authorization": f"Bearer {other}"})

    assert (first.status_code, second.status_code) == (201, 201)


@pytest.mark.parametrize("value", ["", "x" * 129, "caf\u00e9", "a b", "\x7f"])
def test_an_idempotency_key_that_is_none_is_refused(besieged: httpx.Client, value: str) -> None:
    headers: Any = {"Idempotency-Key": value.encode("latin-1")}
    answer = besieged.post("/v1/jobs", json=RENDER, headers=headers)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"


def test_every_wrong_field_is_named(api: httpx.Client, service: Service) -> None:
    add_cascade(service)

    answer = api.post("/v1/jobs", json={**RENDER, "seeds": "9..1,x", "psi": 7, "size_px": "large", "colour": "red"})

    document = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (422, MEDIA_TYPE)
    assert set(document) == {"type", "title", "status", "detail", "errors"}
    assert {error["field"] for error in document["errors"]} == {"seeds", "psi", "size_px", "colour"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b"{}",
        b'{"kind": "render"}',
        b'{"kind": "dance"}',
        b'{"kind": null}',
        b'{"kind": ["render"]}',
        b'{"kind": "render", "cascade": "x", "seeds": "1", "size_px": NaN}',
        b'{"kind": "render", "cascade": "x", "seeds": "1", "size_px": 1e999}',
        b'{"kind": "render", "cascade": "x", "seeds": "1", "size_px": ' + b"9" * 5000 + b"}",
        b'{"kind": "render", "cascade": "\\ud800", "seeds": "\\u0000", "size_px": 8}',
        b'{"kind": "render", "cascade": "../../x", "seeds": "1", "size_px": 8}',
        b'{"kind": "train", "run": "a/b", "stage": "base", "dataset": "' + b"d" * 9000 + b'", "preset": "x"}',
        b'{"a":' * 50_000,
        b"[" * 200_000,
        b"\xff\xfe\x00",
        b'{"kind": "render", "seeds": "0..9223372036854775807", "cascade": "x", "size_px": 8}',
        b'{"kind": "render", "seeds": "0..9223372036854775808", "cascade": "x", "size_px": 8}',
    ],
)
def test_no_body_crashes_the_api(besieged: httpx.Client, body: bytes) -> None:
    answer = besieged.post("/v1/jobs", content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 422
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.json()["errors"]


def test_a_body_too_large_is_refused_unread(besieged: httpx.Client) -> None:
    answer = besieged.post("/v1/jobs", content=b" " * 1_000_001)
    chunked = besieged.post("/v1/jobs", content=iter([b" " * 100_000] * 20))

    assert (answer.status_code, chunked.status_code) == (413, 413)


@pytest.mark.parametrize("job_id", ["0", "-1", "abc", "1.5", "9" * 30, "%00", "1%2F2", "\u0661"])
@pytest.mark.parametrize("rest", ["", "/tasks", "/portraits"])
def test_hostile_numbers_of_jobs_are_refused(besieged: httpx.Client, job_id: str, rest: str) -> None:
    answer = besieged.get(f"/v1/jobs/{job_id}{rest}")

    assert answer.status_code in (404, 422)
    assert answer.headers["content-type"] == MEDIA_TYPE


@pytest.mark.parametrize("path", ["/nothing", "/v1", "/v1/jobs/", "/v1/jobs/1/dance", "/v2/jobs", "/../etc/passwd"])
def test_unknown_addresses_are_problems_too(besieged: httpx.Client, path: str) -> None:
    answer = besieged.get(path)

    assert (answer.status_code, answer.headers["content-type"]) == (404, MEDIA_TYPE)


def test_a_method_that_is_not_there_is_a_problem_too(besieged: httpx.Client) -> None:
    answer = besieged.delete("/v1/jobs")

    assert (answer.status_code, answer.headers["content-type"]) == (405, MEDIA_TYPE)
    assert "allow" in answer.headers


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=x", "limit"),
        ("state=dancing", "state"),
        ("kind=x", "kind"),
        ("before=0", "before"),
        ("before=" + "9" * 30, "before"),
    ],
)
def test_wrong_filters_are_named(besieged: httpx.Client, query: str, field: str) -> None:
    answer = besieged.get(f"/v1/jobs?{query}")

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_jobs_tasks_failures_and_portraits_are_read_in_pages(api: httpx.Client, service: Service) -> None:
    # Given five jobs, one of which was worked on and lost a seed
    add_cascade(service)
    ids = [api.post("/v1/jobs", json={**RENDER, "seeds": f"{n}00..{n}09"}).json()["id"] for n in range(1, 6)]
    work_off(service, bad=(105,))

    def pages(path: str, name: str, after: str, query: str) -> list[int]:
        found, link = [], ""
        while True:
            page = api.get(f"{path}?limit=2{query}{link}").json()
            found += [int(item.get("id", item.get("unit", item.get("seed")))) for item in page[name]]
            following = page[f"next_{after}"]
            if following is None:
                return found
            link = f"&{after}={following}"

    # When each is read two at a time, then everything is there once, in order
    assert pages("/v1/jobs", "jobs", "before", "&kind=render") == ids[::-1]
    assert pages(f"/v1/jobs/{ids[0]}/portraits", "portraits", "after", "") == list(range(100, 110))
    tasks = pages(f"/v1/jobs/{ids[0]}/tasks", "tasks", "after", "")
    assert tasks == sorted(set(tasks))
    assert len(tasks) >= 2


def test_failures_are_told_with_their_reason(api: httpx.Client, service: Service) -> None:
    # Given a seed that fails whoever tries it
    add_cascade(service)
    job_id = api.post("/v1/jobs", json={**RENDER, "seeds": "4..6"}).json()["id"]
    for _ in range(5):
        work_off(service, bad=(5,))
        time.sleep(0.3)

    # When its failures are read
    job = api.get(f"/v1/jobs/{job_id}").json()
    failures = api.get(f"/v1/jobs/{job_id}/failures").json()["failures"]
    portraits = {p["seed"]: p for p in api.get(f"/v1/jobs/{job_id}/portraits").json()["portraits"]}

    # Then the seed is there with its reason, and its neighbours are stored
    assert (job["done"], job["failed"]) == (2, 1)
    assert [(failure["unit"], failure["error"]) for failure in failures] == [("5", "seed 5 is bad")]
    assert {seed: portrait["state"] for seed, portrait in portraits.items()} == {
        "4": "stored",
        "5": "failed",
        "6": "stored",
    }


@pytest.mark.parametrize(("verb", "state"), [("pause", "paused"), ("cancel", "cancelled")])
def test_verbs_change_a_job_and_say_whether_they_did(
    api: httpx.Client, service: Service, verb: str, state: str
) -> None:
    add_cascade(service)
    job_id = api.post("/v1/jobs", json=RENDER).json()["id"]

    first, again = (api.post(f"/v1/jobs/{job_id}/{verb}").json() for _ in range(2))

    assert (first["changed"], first["job"]["state"], again["changed"]) == (True, state, False)


def test_resume_and_retry_bring_a_job_back(api: httpx.Client, service: Service) -> None:
    add_cascade(service)
    job_id = api.post("/v1/jobs", json=RENDER).json()["id"]
    api.post(f"/v1/jobs/{job_id}/pause")

    assert api.post(f"/v1/jobs/{job_id}/resume").json()["job"]["state"] == "queued"
    api.post(f"/v1/jobs/{job_id}/cancel")
    assert api.post(f"/v1/jobs/{job_id}/resume").status_code == 409
    assert api.post(f"/v1/jobs/{job_id}/retry").json()["job"]["state"] == "queued"


@pytest.mark.parametrize("verb", ["cancel", "pause", "resume", "retry"])
def test_verbs_on_a_job_that_is_not_there_are_404(besieged: httpx.Client, verb: str) -> None:
    assert besieged.post(f"/v1/jobs/4711/{verb}").status_code == 404


def test_every_kind_of_job_is_taken(api: httpx.Client, service: Service) -> None:
    add_dataset(service)
    add_run(service, "faces")

    train = {"kind": "train", "run": "more", "stage": "base", "dataset": "studio", "preset": "smoke-base-16"}
    assert api.post("/v1/jobs", json=train).json()["total"] == 64
    assert api.post("/v1/jobs", json={"kind": "assemble", "cascade": "c", "runs": ["faces"]}).status_code == 201


def test_priority_is_kept(api: httpx.Client, service: Service) -> None:
    add_cascade(service)

    assert api.post("/v1/jobs?priority=7", json=RENDER).json()["priority"] == 7
    assert api.post("/v1/jobs?priority=101", json=RENDER).status_code == 422
