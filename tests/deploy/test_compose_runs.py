"""The farm that docker-compose.yml describes, running: one job goes in by the door, one portrait comes out."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.deploy.compose import ROOT, compose, seconds
from tests.deploy.fleet import (
    Fleet,
    ask_everybody_for_the_password,
    caddy_program,
    make_secrets,
    place_with_password,
)
from tests.services.postgres import running_postgres
from tests.services.process import ServiceMissing, skip_or_fail
from tests.services.redis import redis_program
from tests.services.rgw import RgwServer

SERVICES = ("redis", "api", "worker", "flower", "proxy")
JOB_S = 400.0
HEARD_S = 60.0
"""Workers tell Flower every two seconds that they are there."""


@pytest.fixture
def fleet(tmp_path: Path, rgw: RgwServer) -> Iterator[Fleet]:
    """All services started."""
    for name, program in (("redis", redis_program), ("proxy", caddy_program)):
        try:
            program()
        except ServiceMissing as error:
            skip_or_fail(name, error)
    secrets = make_secrets(tmp_path / "secrets")
    try:
        with running_postgres(place=place_with_password(secrets)) as postgres, rgw.bucket() as bucket:
            ask_everybody_for_the_password(postgres)
            fleet = Fleet(tmp_path, secrets=secrets, postgres=postgres, s3=rgw, bucket=bucket)
            try:
                fleet.start(*SERVICES)
                yield fleet
            finally:
                fleet.close()
    except ServiceMissing as error:
        skip_or_fail("postgres", error)


@pytest.mark.needs_redis
@pytest.mark.needs_postgres
@pytest.mark.needs_s3
def test_the_farm_of_the_compose_file_paints_a_portrait_and_ends_in_order(fleet: Fleet) -> None:
    fleet.wait_until_healthy(*SERVICES)
    key = fleet.exec("api", "farm", "keys", "create", "me", "--role", "admin").split()[-1]
    with httpx.Client(base_url=fleet.door_url, timeout=60) as door:
        assert door.get("/health").json() == {"ledger": "ok", "storage": "ok", "queue": "ok"}
        _nobody_comes_in_without_a_key(door)
        _flower_is_shown_to_those_with_a_key(door, key)
        door.headers["Authorization"] = f"Bearer {key}"
        _a_portrait_is_painted(door, fleet)
    _a_worker_tells_its_numbers_to_those_with_a_key(f"http://127.0.0.1:{fleet.numbers}/metrics", key)

    assert fleet.stop("worker", within_s=seconds(compose()["services"]["worker"]["stop_grace_period"])) == 0
    assert not fleet.healthy("worker")
    for name in ("proxy", "flower", "api", "redis"):
        assert fleet.stop(name, within_s=60) in (0, -15), fleet.logs()


def _nobody_comes_in_without_a_key(door: httpx.Client) -> None:
    for path in ("/v1/jobs", "/v1/workers", "/flower/", "/flower/workers"):
        assert door.get(path).status_code == 401, path
        assert door.get(path, headers={"Authorization": "Bearer farm_wrong"}).status_code == 401, path
    assert "Basic" in door.get("/flower/").headers["www-authenticate"], "a browser asks for the key"


def _flower_is_shown_to_those_with_a_key(door: httpx.Client, key: str) -> None:
    deadline_s = time.monotonic() + HEARD_S
    while "-cpu@" not in (shown := door.get("/flower/workers", auth=("anybody", key))).text:
        assert shown.status_code == 200, shown.text
        assert time.monotonic() < deadline_s, "Flower never heard of the worker"
        time.sleep(0.2)
    closed = ("metrics", "healthcheck", "/metrics", "%6detrics", "METRICS", "x/../metrics", "metrics/", "api/workers")
    for page in closed:
        assert door.get(f"/flower/{page}", auth=("anybody", key)).status_code in (400, 404), page


def _a_portrait_is_painted(door: httpx.Client, fleet: Fleet) -> None:
    archive = (ROOT / "deploy/demo/cascade/demo.cascade").read_bytes()
    intake = door.post("/v1/intakes", content=archive).json()["sha256"]
    _done(door, {"kind": "import", "cascade": "demo", "intake": intake}, fleet)
    job = _done(door, {"kind": "render", "cascade": "demo", "seeds": "7", "size_px": 64}, fleet)
    [portrait] = door.get(f"/v1/jobs/{job}/portraits").json()["portraits"]
    # The link leads to the S3 server itself, and its signature is the key.
    picture = httpx.get(portrait["url"])
    assert picture.content.startswith(b"\x89PNG")
    assert len(picture.content) == portrait["size_bytes"]


def _a_worker_tells_its_numbers_to_those_with_a_key(url: str, key: str) -> None:
    assert httpx.get(url).status_code == 401
    told = httpx.get(url, headers={"Authorization": f"Bearer {key}"})
    assert 'farm_portraits_total{result="rendered"} 1' in told.text


def _done(door: httpx.Client, spec: dict[str, object], fleet: Fleet) -> int:
    answer = door.post("/v1/jobs", json=spec)
    assert answer.status_code == 201, answer.text
    job, deadline_s = answer.json(), time.monotonic() + JOB_S
    while job["state"] != "done":
        assert job["state"] in ("queued", "running", "finishing"), fleet.logs()
        assert time.monotonic() < deadline_s, fleet.logs()
        time.sleep(0.1)
        job = door.get(f"/v1/jobs/{job['id']}").json()
    assert job["failed"] == 0
    return int(job["id"])
