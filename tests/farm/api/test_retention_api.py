"""Deleting, collecting and stars over HTTP."""

import httpx
import pytest

from farm.ledger import Role
from farm.service import Service
from tests.farm.stocking import add_cascade, work_off


@pytest.fixture
def admin(api: httpx.Client, service: Service) -> httpx.Client:
    api.headers["Authorization"] = f"Bearer {service.ledger.create_key('root', Role.ADMIN)[1]}"
    return api


@pytest.fixture
def job(service: Service) -> int:
    """A finished job of ten portraits."""
    add_cascade(service)
    made = service.submit({"kind": "render", "cascade": "demo", "seeds": "0..9", "size_px": 32}).job.id
    work_off(service)
    return made


def test_a_job_is_deleted_and_its_portraits_are_collected(admin: httpx.Client, job: int) -> None:
    assert admin.delete(f"/v1/jobs/{job}").json() == {"finished": True}
    assert admin.get(f"/v1/jobs/{job}").json()["state"] == "deleted"
    assert job not in [each["id"] for each in admin.get("/v1/jobs").json()["jobs"]]

    survey = admin.get("/v1/collection", params={"grace_s": 0}).json()
    assert (survey["going"]["count"], survey["portraits"]["unused"]["count"]) == (10, 10)
    assert survey["going"]["oldest"] is not None
    assert admin.get("/v1/collection").json()["going"]["count"] == 0

    done = admin.post("/v1/collection", params={"grace_s": 0}).json()
    assert (done["portraits"]["count"], done["finished"]) == (10, True)


def test_a_job_that_has_not_ended_is_a_conflict(admin: httpx.Client, service: Service) -> None:
    add_cascade(service)
    made = service.submit({"kind": "render", "cascade": "demo", "seeds": "0..9", "size_px": 32}).job.id
    answer = admin.delete(f"/v1/jobs/{made}")
    assert (answer.status_code, "is queued" in answer.json()["detail"]) == (409, True)
    assert admin.delete("/v1/jobs/999").status_code == 404


def test_a_star_keeps_a_portrait_and_is_shown(admin: httpx.Client, job: int) -> None:
    assert admin.put(f"/v1/jobs/{job}/portraits/4/star").json() == {"starred": True}
    shown = admin.get(f"/v1/jobs/{job}/portraits").json()["portraits"]
    assert [each["seed"] for each in shown if each["starred"]] == ["4"]
    admin.delete(f"/v1/jobs/{job}")
    assert admin.post("/v1/collection", params={"grace_s": 0}).json()["portraits"]["count"] == 9
    assert admin.delete(f"/v1/jobs/{job}/portraits/4/star").json() == {"starred": False}
    assert admin.put(f"/v1/jobs/{job}/portraits/11/star").status_code == 404


@pytest.mark.parametrize("grace_s", ["-1", "inf", "nan", "1e11", "soon"])
def test_a_wrong_grace_is_refused(admin: httpx.Client, grace_s: str) -> None:
    assert admin.post("/v1/collection", params={"grace_s": grace_s}).status_code == 422
