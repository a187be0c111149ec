"""Verifying over HTTP: asked for at the render job's address, read at the verify job's."""

import httpx

from farm.service import Service
from farm.storage import keys
from tests.farm.stocking import DIGEST, add_cascade, to_json, work_off

RENDER = {"kind": "render", "cascade": "demo", "seeds": "0..9", "size_px": 32}
ROW = {
    "seed": "3", "recipe": "ab" * 32, "verdict": "damaged", "detail": "its bytes …", "mean_levels": None,
    "max_levels": None, "stored_render_class": "toy", "render_class": "toy", "device": "cpu",
    "versions": {"torch": "2"},
}  # fmt: skip


def test_a_verify_job_is_asked_for_and_its_result_read(api: httpx.Client, service: Service) -> None:
    add_cascade(service)
    rendered = api.post("/v1/jobs", json=RENDER).json()["id"]
    early = api.post(f"/v1/jobs/{rendered}/verify")
    assert (early.status_code, "when it has ended" in early.text) == (422, True)
    work_off(service)

    job = api.post(f"/v1/jobs/{rendered}/verify", params={"sample": 3})
    assert (job.status_code, job.json()["kind"], job.json()["total"]) == (201, "verify", 3)
    assert api.post(f"/v1/jobs/{rendered}/verify").json()["total"] == 10
    number = job.json()["id"]
    assert api.get(f"/v1/jobs/{number}/verification").status_code == 409
    work_off(service)
    told = {"version": 1, "job": rendered, "cascade": DIGEST, "passed": False, "portraits": [ROW]}
    service.storage.put(keys.verification(number), to_json(told | {"tolerance_levels": 1.0}), if_absent=False)

    found = api.get(f"/v1/jobs/{number}/verification").json()

    assert found["counts"] == {"damaged": 1}
    assert found["portraits"] == [ROW]
    assert api.get(f"/v1/jobs/{rendered}/verification").status_code == 409


def test_the_general_address_does_not_take_verify_jobs(api: httpx.Client) -> None:
    """It could not tell whose the render job is."""
    answer = api.post("/v1/jobs", json={"kind": "verify", "job": 1})
    assert [error["field"] for error in answer.json()["errors"]] == ["kind"]
    assert "/v1/jobs/<job>/verify" in answer.text
