"""Keys over HTTP: made, listed, revoked; and the door a proxy asks at."""

import base64

import httpx
import pytest

from farm.ledger import Role
from farm.service import Service


@pytest.fixture
def admin(stranger: httpx.Client, service: Service) -> httpx.Client:
    """Somebody with an admin's key."""
    stranger.headers["Authorization"] = f"Bearer {service.ledger.create_key('boss', Role.ADMIN)[1]}"
    return stranger


def basic(password: str, user: str = "anybody") -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def test_a_key_is_made_works_is_listed_and_is_revoked_at_once(admin: httpx.Client) -> None:
    # Given a key that an admin made
    made = admin.post("/v1/keys", json={"name": "ann", "role": "viewer"})
    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    key = made.json()
    hers = {"Authorization": f"Bearer {key['secret']}"}

    # When she uses it, then it works, the list tells its use and never its secret
    assert admin.get("/v1/jobs", headers=hers).status_code == 200
    listing = admin.get("/v1/keys")
    [_, listed] = listing.json()
    assert listed["last_used_at"] is not None
    assert {name: listed[name] for name in ("id", "name", "role", "revoked_at")} == {
        "id": key["id"], "name": "ann", "role": "viewer", "revoked_at": None,
    }  # fmt: skip
    assert key["secret"] not in listing.text

    # And once it is revoked, her next request is refused
    assert admin.delete(f"/v1/keys/{key['id']}").json() == {"changed": True}
    assert admin.get("/v1/jobs", headers=hers).status_code == 401
    assert admin.delete(f"/v1/keys/{key['id']}").json() == {"changed": False}
    assert admin.delete("/v1/keys/999").status_code == 404


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"name", "role"}),
        ({"name": "", "role": "king"}, {"name", "role"}),
        ({"name": "Ann", "role": "viewer"}, {"name"}),
        ({"name": "a" * 65, "role": "viewer"}, {"name"}),
        ({"name": "a\n", "role": "viewer"}, {"name"}),
        ({"name": "\u0430nn", "role": "viewer"}, {"name"}),
        ({"name": ["ann"], "role": 3}, {"name", "role"}),
        ({"name": "ann", "role": "viewer", "secret": "mine"}, {"secret"}),
    ],
)
def test_every_mistake_in_a_key_is_named(admin: httpx.Client, body: object, fields: set[str]) -> None:
    answer = admin.post("/v1/keys", json=body)

    assert answer.status_code == 422
    assert {error["field"] for error in answer.json()["errors"]} == fields


@pytest.mark.parametrize("role", list(Role))
def test_the_door_opens_to_a_key_sent_either_way(stranger: httpx.Client, service: Service, role: Role) -> None:
    _, secret = service.ledger.create_key("ann", role)

    for headers in ({"Authorization": f"Bearer {secret}"}, basic(secret), basic(secret, user="")):
        answer = stranger.get("/v1/door", headers=headers)
        assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic("wrong"),
        basic(""),
        {"Authorization": "Basic"},
        {"Authorization": "Basic ####"},
        {"Authorization": "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode()},
        {"Authorization": "Basic " + base64.b64encode(b"no colon").decode()},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Digest x"},
    ],
)
def test_the_door_asks_a_browser_for_a_password(stranger: httpx.Client, headers: dict[str, str]) -> None:
    answer = stranger.get("/v1/door", headers=headers)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith('Basic realm="farm"')


def test_a_password_opens_nothing_that_changes_anything(stranger: httpx.Client, service: Service) -> None:
    # A browser sends it by itself, on requests that foreign pages make too.
    _, secret = service.ledger.create_key("boss", Role.ADMIN)

    for method, path in (("POST", "/v1/jobs"), ("GET", "/v1/jobs"), ("POST", "/v1/keys"), ("PUT", "/v1/photos/x")):
        answer = stranger.request(method, path, headers=basic(secret), content=b"{}")
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
