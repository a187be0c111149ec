"""Who may ask what: every address needs a key, but health and docs."""

import re
import time

import httpx
import pytest

from farm.api.app import create_app
from farm.api.problems import MEDIA_TYPE
from farm.service import Service
from farm.settings import Settings
from tests.farm.stocking import CountingQueue

OPEN = {"/health"}


def addresses(settings: Settings) -> list[tuple[str, str]]:
    """Method and address of every route that the app has, with something in the place of parameters."""
    filled = {"sha256": "0" * 64, "job_id": "1", "name": "x", "reference": "x", "key": "portraits/x.png"}
    filled |= {"task_id": "1", "key_id": "1", "seed": "1", "page": ""}
    paths = create_app(settings).openapi()["paths"]
    return [
        (method.upper(), re.sub(r"\{(\w+)\}", lambda match: filled[match[1]], path))
        for path, methods in paths.items()
        for method in methods
        if path not in OPEN
    ]


def test_every_address_but_health_and_docs_needs_a_key(quiet: Settings, stranger: httpx.Client) -> None:
    listed = addresses(quiet)
    assert len(listed) > 20

    for method, path in listed:
        answer = stranger.request(method, path, content=b"not json {")
        assert (answer.status_code, answer.headers["content-type"]) == (401, MEDIA_TYPE), (method, path)
        assert answer.headers["www-authenticate"].startswith(("Bearer", 'Basic realm="farm"'))


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer wrong",
        "bearer\t x",
        "Basic dXNlcjpwdw==",
        "Bearer " + "x" * 10_000,
        "Bearer \u00e9\u00ff",
        "Bearer ' OR 1=1 --",
    ],
)
def test_a_key_that_is_none_opens_nothing(besieged: httpx.Client, header: str) -> None:
    answer = besieged.get("/v1/jobs", headers={"Authorization": header.encode("latin-1")})  # type: ignore[dict-item]

    assert answer.status_code == 401


def test_a_revoked_key_opens_nothing(api: httpx.Client, service: Service, secret: str) -> None:
    assert api.get("/v1/jobs").status_code == 200
    found = service.ledger.find_key(secret)
    assert found is not None
    service.ledger.revoke_key(found.id)

    assert api.get("/v1/jobs").status_code == 401


def test_health_needs_no_key_and_tells_no_addresses(stranger: httpx.Client, api_queue: CountingQueue) -> None:
    api_queue.down = True

    answer = stranger.get("/health")

    assert answer.status_code == 503
    assert answer.json() == {"ledger": "ok", "storage": "ok", "queue": "a service is not available"}
    api_queue.down = False
    assert stranger.get("/health").json() == {"ledger": "ok", "storage": "ok", "queue": "ok"}
    assert stranger.get("/health").status_code == 200


def test_docs_and_schema_need_no_key(stranger: httpx.Client) -> None:
    assert stranger.get("/docs").status_code == 200
    schema = stranger.get("/openapi.json").json()
    assert {"/v1/jobs", "/v1/jobs/{job_id}/portraits", "/health"} <= set(schema["paths"])
    kinds = schema["paths"]["/v1/jobs"]["post"]["requestBody"]["content"]["application/json"]["schema"]["oneOf"]
    told = {kind["properties"]["kind"]["const"] for kind in kinds}
    assert told == {
        "render",
        "select",
        "film",
        "giant",
        "upscale",
        "train",
        "curate",
        "assemble",
        "import",
        "onnx",
        "reverdict",
        "evaluate",
        "compare",
        "certify",
    }


def test_a_signed_link_is_its_own_key_for_a_while(stranger: httpx.Client, service: Service) -> None:
    # Given an object and a link to it
    service.storage.put("jobs/1/contact.jpg", b"picture")
    url = service.storage.url("jobs/1/contact.jpg", expires_s=60)

    # When a stranger follows it, it works; when anything of it is changed, or its time is over, it does not
    answer = stranger.get(url)
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, b"picture", "image/jpeg")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert stranger.get(url.replace("contact", "kontakt")).status_code == 403
    assert stranger.get(re.sub(r"expires=\d+", f"expires={int(time.time()) + 9999}", url)).status_code == 403
    assert stranger.get(url[:-1] + ("0" if url[-1] != "0" else "1")).status_code == 403
    assert stranger.get(url.partition("?")[0]).status_code == 401


@pytest.mark.parametrize(
    "key", ["../secret", "..%2fsecret", "%2e%2e/secret", "/etc/passwd", "a//b", ".incoming/x", "a\x00b", "x" * 5000]
)
def test_hostile_keys_of_objects_lead_nowhere(besieged: httpx.Client, key: str) -> None:
    answer = besieged.get(f"/v1/objects/{key.replace(chr(0), '%00')}?expires=99999999999&signature={'0' * 64}")

    assert answer.status_code in (403, 404, 422)
    assert answer.headers["content-type"] == MEDIA_TYPE
