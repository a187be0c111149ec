"""Who may do what: one table, read by the door, by the OpenAPI document and by these tests."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from farm.api.app import create_app
from farm.api.problems import MEDIA_TYPE
from farm.api.roles import OWNED, PUBLIC, ROLES, SHARED, address
from farm.ledger import Role
from farm.service import Service
from farm.settings import Settings
from tests.farm.api.conftest import served
from tests.farm.stocking import add_cascade, toy_worker

NEEDING = [(line, role) for line, role in ROLES.items() if role is not PUBLIC]
OWN = [line for line, role in NEEDING if role is not Role.ADMIN and any(f"{{{name}}}" in line for name in OWNED)]
RENDER = {"kind": "render", "cascade": "demo", "seeds": "0..9", "size_px": 32}
FILLED = {"sha256": "0" * 64, "name": "x", "reference": "x", "page": "workers", "seed": "3", "key_id": "999999"}


def routes_of(found: Any) -> Iterator[APIRoute]:
    """Every route of an app, however deep its router."""
    for route in found.routes:
        if isinstance(route, APIRoute):
            yield route
        elif hasattr(route, "original_router"):
            yield from routes_of(route.original_router)


class Town:
    """An API with a key of each role under one name, an admin's of another, and a job with a task of each."""

    def __init__(self, service: Service, client: httpx.Client) -> None:
        add_cascade(service)
        self.client = client
        self.secrets = {role: service.ledger.create_key("ann", role)[1] for role in Role}
        self.stranger = service.ledger.create_key("bob", Role.ARTIST)[1]
        # The tasks stay open: nothing here works on them.
        self.job, self.task = self._job(service, self.secrets[Role.ARTIST])
        self.foreign_job, self.foreign_task = self._job(service, self.stranger)

    def _job(self, service: Service, secret: str) -> tuple[int, int]:
        answer = self.client.post("/v1/jobs", json=RENDER, headers=bearer(secret))
        assert answer.status_code == 201, answer.text
        job_id = int(answer.json()["id"])
        claim = service.ledger.claim(toy_worker(service.ledger, f"toy-{job_id}"), ["render"])
        assert claim is not None
        assert claim.job_id == job_id
        return job_id, claim.task_id

    def ask(self, line: str, secret: str, *, foreign: bool = False) -> httpx.Response:
        """Ask an address; its body is nonsense, so that nothing is made."""
        ids = {"job_id": self.foreign_job, "task_id": self.foreign_task} if foreign else {}
        filled = {"job_id": self.job, "task_id": self.task} | FILLED | ids
        method, _, path = line.partition(" ")
        path = re.sub(r"\{(\w+)\}", lambda match: str(filled[match[1]]), path)
        return self.client.request(method, path, headers=bearer(secret), content=b"not json {")


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    home = tmp_path_factory.mktemp("town")
    return create_app(Settings.model_validate({"home": home, "tick_s": 3600.0, "lease_s": 3600.0}))


@pytest.fixture(scope="module")
def town(app: FastAPI) -> Iterator[Town]:
    with served(app) as url, httpx.Client(base_url=url, timeout=20, trust_env=False) as client:
        yield Town(app.state.service, client)


def test_every_route_has_a_role_and_every_role_has_a_route(app: FastAPI) -> None:
    lines = {address(method, route.path) for route in routes_of(app) for method in route.methods}

    assert lines == set(ROLES), "give each new route its line in farm/api/roles.py"
    assert len(lines) > 30


def test_a_route_without_a_line_is_shut_even_to_an_admin(town: Town, app: FastAPI) -> None:
    @app.get("/forgotten")
    def forgotten() -> str:
        return "secrets"

    answer = town.client.get("/forgotten", headers=bearer(town.secrets[Role.ADMIN]))

    app.router.routes.pop()
    assert answer.status_code == 403
    assert "secrets" not in answer.text
    assert town.client.get("/forgotten").status_code == 404


def test_whose_a_parameter_is_was_decided_for_each() -> None:
    named = {name for line in ROLES for name in re.findall(r"\{(\w+)\}", line)}

    assert named <= {*OWNED, *SHARED}, "decide in farm/api/roles.py whose it is"


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize(("line", "needed"), NEEDING)
def test_a_key_may_do_what_its_role_covers_and_is_told_what_else_it_needs(
    town: Town, line: str, needed: Role, role: Role
) -> None:
    answer = town.ask(line, town.secrets[role])

    if role.covers(needed):
        assert answer.status_code not in (401, 403, 500), answer.text
        return
    assert (answer.status_code, answer.headers["content-type"]) == (403, MEDIA_TYPE)
    assert f"needs a key of role {needed}" in answer.json()["detail"]
    assert f"is of role {role}" in answer.json()["detail"]


@pytest.mark.parametrize("line", OWN)
def test_another_one_s_job_is_not_there(town: Town, line: str) -> None:
    # Given a job of bob's, then to ann it is as if there were none, for each verb and below each address
    foreign = town.ask(line, town.secrets[Role.ARTIST], foreign=True)
    assert (foreign.status_code, foreign.json()["type"]) == (404, "urn:portrait-farm:problem:not-found")
    assert re.match(r"there is no (job|task) \d+$", foreign.json()["detail"])

    # But to bob it is, and to an admin
    for secret in (town.stranger, town.secrets[Role.ADMIN]):
        assert "there is no" not in town.ask(line, secret, foreign=True).text


def test_what_is_not_there_and_what_is_another_s_read_the_same(town: Town) -> None:
    secret = town.secrets[Role.VIEWER]
    foreign = town.client.get(f"/v1/jobs/{town.foreign_job}", headers=bearer(secret)).json()
    missing = town.client.get("/v1/jobs/987654", headers=bearer(secret)).json()

    assert {**foreign, "detail": ""} == {**missing, "detail": ""}
    assert foreign["detail"].replace(str(town.foreign_job), "987654") == missing["detail"]


def test_lists_hold_one_s_own_jobs_and_an_admin_s_all(town: Town) -> None:
    def listed(secret: str) -> set[int]:
        return {job["id"] for job in town.client.get("/v1/jobs", headers=bearer(secret)).json()["jobs"]}

    # Keys of one name are one person's: ann's viewer sees what her artist key submitted.
    assert town.job in listed(town.secrets[Role.VIEWER])
    assert town.foreign_job not in listed(town.secrets[Role.VIEWER])
    assert town.foreign_job not in listed(town.secrets[Role.ARTIST])
    assert listed(town.stranger) & {town.job, town.foreign_job} == {town.foreign_job}
    assert listed(town.secrets[Role.ADMIN]) >= {town.job, town.foreign_job}


@pytest.mark.parametrize("job_id", ["0", "-1", "%D9%A1", "9" * 30, "1e3", "0x1", "+1", "1%20", "%00"])
def test_no_spelling_of_a_number_leads_past_the_door(town: Town, job_id: str) -> None:
    answer = town.client.get(f"/v1/jobs/{job_id}", headers=bearer(town.secrets[Role.VIEWER]))

    assert answer.status_code in (404, 422)


def test_the_openapi_document_tells_each_role(app: FastAPI) -> None:
    told = {
        address(method.upper(), path): operation
        for path, operations in app.openapi()["paths"].items()
        for method, operation in operations.items()
    }

    for line, operation in told.items():
        role = ROLES[line]
        assert operation.get("x-role") == role, line
        assert ("security" in operation) == (role is not PUBLIC), line
        assert role is PUBLIC or f"Needs a key of role {role}." in operation["description"]


def test_the_page_of_addresses_tells_each_with_its_role_and_needs_no_network(town: Town) -> None:
    page = town.client.get("/docs")

    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert not re.search(r"<script|https?://|src=|@import|url\(", page.text)
    assert "<code>POST&nbsp;<wbr>/v1<wbr>/keys</code></td><td>admin</td>" in page.text
    assert "<code>GET&nbsp;<wbr>/health</code></td><td>anybody</td>" in page.text
