"""Shares, quotas, use, priorities, budgets and waiting over HTTP."""

import httpx
import pytest

from farm.ledger import Role
from farm.service import Service
from tests.farm.stocking import add_cascade

RENDER = {"kind": "render", "cascade": "demo", "seeds": "0..4", "size_px": 32}


def bearer(service: Service, name: str, role: Role) -> dict[str, str]:
    return {"Authorization": f"Bearer {service.ledger.create_key(name, role)[1]}"}


@pytest.fixture
def boss(service: Service) -> dict[str, str]:
    return bearer(service, "boss", Role.ADMIN)


@pytest.fixture
def ann(service: Service) -> dict[str, str]:
    return bearer(service, "ann", Role.ARTIST)


def test_an_admin_sets_a_quota_and_its_owner_sees_it_and_why_the_job_waits(
    stranger: httpx.Client, service: Service, boss: dict[str, str], ann: dict[str, str]
) -> None:
    add_cascade(service)
    limits = {"running": 2, "per_day": 0, "bytes": None}
    changed = stranger.put("/v1/accounts/ann", json={"share": 2, "quota": limits}, headers=boss)
    assert (changed.status_code, changed.json()["quota"], changed.json()["share"]) == (200, limits, 2.0)
    assert [each["name"] for each in stranger.get("/v1/accounts", headers=boss).json()] == ["-", "ann", "boss"]

    job = stranger.post("/v1/jobs?priority=high", json=RENDER, headers=ann).json()
    assert (job["priority"], job["owner"]) == (50, "ann")
    [wait] = stranger.get(f"/v1/jobs/{job['id']}", headers=ann).json()["waits"]
    assert (wait["code"], wait["change"]) == ("quota_day", "farm keys quota ann --per-day 1")
    assert wait["until"].endswith("T00:00:00Z")
    assert stranger.get("/v1/usage", headers=ann).json()["account"]["quota"] == limits


def test_a_name_sees_its_own_use_only(
    stranger: httpx.Client, service: Service, boss: dict[str, str], ann: dict[str, str]
) -> None:
    service.ledger.create_key("ben", Role.VIEWER)
    assert stranger.get("/v1/usage?whose=ann", headers=ann).status_code == 200
    assert stranger.get("/v1/usage?whose=ben", headers=ann).status_code == 404
    assert stranger.get("/v1/usage?whose=ben", headers=boss).json()["account"]["name"] == "ben"
    assert stranger.get("/v1/usage?whose=-", headers=boss).json()["days"] == []
    assert stranger.get("/v1/accounts", headers=ann).status_code == 403


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"share": "2"}, ["share"]),
        ({"share": True}, ["share"]),
        ({"share": 0}, ["share"]),
        ({"quota": 5}, ["quota"]),
        ({"quota": {"running": -1}}, ["running"]),
        ({"quota": {"running": 1.5, "minutes": 3}, "weight": 1}, ["weight", "quota.minutes", "quota.running"]),
    ],
)
def test_every_mistake_of_an_account_is_named(
    stranger: httpx.Client, boss: dict[str, str], ann: dict[str, str], body: object, fields: list[str]
) -> None:
    answer = stranger.put("/v1/accounts/ann", json=body, headers=boss)
    assert answer.status_code == 422
    assert [problem["field"] for problem in answer.json()["errors"]] == fields


def test_an_account_nobody_has_is_not_there(stranger: httpx.Client, boss: dict[str, str]) -> None:
    assert stranger.put("/v1/accounts/nobody", json={"share": 2}, headers=boss).status_code == 404


def test_priority_and_budget_come_with_a_job_and_change_later(
    stranger: httpx.Client, service: Service, ann: dict[str, str]
) -> None:
    add_cascade(service)
    job = stranger.post("/v1/jobs?priority=-20&budget_hours=0.5", json=RENDER, headers=ann).json()
    assert (job["priority"], job["budget_hours"], job["device_hours"]) == (-20, 0.5, 0.0)
    raised = stranger.post(f"/v1/jobs/{job['id']}/priority?priority=urgent", headers=ann).json()
    assert (raised["changed"], raised["job"]["priority"]) == (True, 100)
    assert stranger.post(f"/v1/jobs/{job['id']}/budget?hours=2", headers=ann).json()["job"]["budget_hours"] == 2.0
    assert stranger.post(f"/v1/jobs/{job['id']}/budget", headers=ann).json()["job"]["budget_hours"] is None


@pytest.mark.parametrize("query", ["priority=101", "priority=soon", "budget_hours=0", "budget_hours=nan"])
def test_a_priority_or_budget_that_is_none_is_refused(
    stranger: httpx.Client, service: Service, ann: dict[str, str], query: str
) -> None:
    add_cascade(service)
    answer = stranger.post(f"/v1/jobs?{query}", json=RENDER, headers=ann)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == query.partition("=")[0]
