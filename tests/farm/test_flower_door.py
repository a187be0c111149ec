"""Flower behind the farm's own door: pages for people with a key, and nothing that could run or stop anything."""

import http.server
import os
import re
import socket
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import httpx
import psutil
import pytest
from flower.urls import handlers

from farm.api.flower import FlowerClient
from farm.embedded import FLOWER_USER, EmbeddedFarm, Running
from farm.embedded.flower_socket import PATH_MAX_BYTES, make_socket_path, remove_socket
from farm.errors import NotFound, Unavailable
from farm.ledger import JobState, Limits, Role, open_ledger
from farm.queue import flower_argv
from farm.settings import Settings, child_environment
from tests.services.process import ServiceMissing, skip_or_fail
from tests.services.redis import redis_program

TOY = "tests.workers.toy.app"
WAIT_S = 60.0


def wait_until(found: Callable[[], bool], *, timeout_s: float = WAIT_S) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not found():
        assert time.monotonic() < deadline_s, "waited in vain"
        time.sleep(0.05)


class Up:
    """A farm that runs, with Flower up, and the address of one of its tasks there."""

    def __init__(self, farm: EmbeddedFarm, running: Running) -> None:
        self.farm, self.running = farm, running
        self.login = (FLOWER_USER, running.api_key)
        self.client = httpx.Client(base_url=running.api_url, timeout=30, trust_env=False)
        wait_until(lambda: self.get("/flower/").status_code == 200)
        self.finish_a_job()
        wait_until(lambda: bool(self.rows()))
        self.task = str(self.rows()[0]["uuid"])
        self.worker = str(self.rows()[0]["worker"])

    def get(self, path: str, **kwargs: Any) -> httpx.Response:
        return self.client.get(path, auth=self.login, **kwargs)

    def rows(self) -> list[dict[str, Any]]:
        asked = {"draw": 1, "start": 0, "length": 50, "order[0][column]": 0, "columns[0][data]": "name"}
        found: list[dict[str, Any]] = self.client.post("/flower/tasks/datatable", auth=self.login, data=asked).json()[
            "data"
        ]
        return found

    def finish_a_job(self) -> None:
        settings = self.running.settings
        with open_ledger(settings.ledger_url, limits=Limits.of(settings)) as ledger:
            job, _ = ledger.submit({"kind": "render", "size_px": 64}, kind="render", ranges=[(0, 3)])
            wait_until(lambda: ledger.get_job(job.id).state is JobState.DONE)

    def pid(self, name: str) -> int:
        [pid] = [child.pid for child in self.farm.children if child.spec.name == name]
        assert pid is not None
        return pid

    @property
    def socket(self) -> Path:
        return Path(self.running.settings.flower_url.removeprefix("unix:"))

    def paths(self, method: str) -> list[str]:
        """Every address that Flower answers by that method, with this farm's worker and task in its place."""
        found = []
        for handler in handlers[:-1]:
            pattern, handling = (
                (handler.regex.pattern, handler.handler_class) if hasattr(handler, "regex") else handler[:2]
            )
            filler = self.worker if "worker" in pattern else "js/flower.js" if "static" in pattern else "render"
            filler = (
                self.task
                if re.search(r"/task/|revoke|result|info|abort", pattern) and "apply" not in pattern
                else filler
            )
            path = re.sub(r"\(\.[+*]\)", lambda _, filler=filler: filler, pattern).rstrip("$").replace("/?", "")  # type: ignore[misc]
            if getattr(handling, method.lower()) is not getattr(http_base(handling), method.lower()):
                found.append("/flower" + path)
        return found


def http_base(handling: Any) -> Any:
    """Tornado's own handler, whose methods all answer 405."""
    return handling.__mro__[-2]


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    try:
        redis_program()
    except ServiceMissing as error:
        skip_or_fail("redis", error)
    quick = {"beat_s": 0.25, "lease_s": 2.0, "tick_s": 0.25, "task_target_s": 1.0, "device": "cpu"}
    home = tmp_path_factory.mktemp("door") / "farm"
    farm = EmbeddedFarm(Settings.model_validate({"home": home, "api_port": 0, **quick}), worker_app=TOY)
    with farm as running:
        found = Up(farm, running)
        yield found
        found.client.close()
        farm.hurry = True


def test_without_a_key_nothing_of_flower_is_seen(up: Up) -> None:
    for path in ("/flower", "/flower/", "/flower/tasks", "/flower/static/js/flower.js", "/flower/metrics", "/flower/x"):
        answer = up.client.get(path)
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"].startswith('Basic realm="farm"')
        assert "flower.js" not in answer.text
    assert up.client.post("/flower/tasks/datatable", data={"draw": 1}).status_code == 401


def test_a_key_of_any_role_opens_its_pages_either_way(up: Up) -> None:
    settings = up.running.settings
    with open_ledger(settings.ledger_url, limits=Limits.of(settings)) as ledger:
        viewer, secret = ledger.create_key("dashboard", Role.VIEWER)
        for headers in ({"Authorization": f"Bearer {secret}"}, {}):
            auth = None if headers else ("whoever", secret)
            for page in (
                "",
                "workers",
                "tasks",
                "broker",
                f"task/{up.task}",
                f"worker/{up.worker}",
                "static/js/flower.js",
            ):
                answer = up.client.get(f"/flower/{page}", headers=headers, auth=auth)
                assert answer.status_code == 200, page
        assert up.client.get("/flower", auth=("x", secret)).headers["location"] == "/flower/"
        ledger.revoke_key(viewer.id)
    assert up.client.get("/flower/", auth=("x", secret)).status_code == 401


def test_all_else_that_flower_answers_is_shut(up: Up) -> None:
    # Given every address Flower has a handler for
    gets, posts = up.paths("GET"), up.paths("POST")
    assert {"/flower/metrics", "/flower/healthcheck", "/flower/api/workers", "/flower/api/tasks"} <= set(gets)
    assert len(posts) > 12

    # Then an admin's key opens its pages, and nothing else
    opened = {path for path in gets if up.get(path).status_code == 200}
    shut = [path for path in gets if not path.startswith(("/flower/api/", "/flower/metrics", "/flower/healthcheck"))]
    assert {"/flower/workers", "/flower/tasks", "/flower/broker"} <= opened <= set(shut)
    for path in posts:
        if path != "/flower/tasks/datatable":
            assert up.client.post(path, auth=up.login, json={}).status_code in (404, 405), path


@pytest.mark.parametrize(
    "page",
    ["metrics/", "metrics%2f", "//metrics", "static/../metrics", "static/..%2fmetrics", "static/%2e%2e/metrics",
     "worker/..%2f..%2fmetrics", "worker/../../metrics", "worker/a%2F..%2F..%2Fmetrics", "./metrics", "metrics;x",
     "METRICS", "workers/../metrics", "task/..%5cmetrics", "worker/%00", "healthcheck?x=1", "api/workers",
     "%61pi/workers", "worker/..", "task/.", "login", "logout"],
)  # fmt: skip
def test_no_spelling_of_an_address_leads_past_the_list(up: Up, page: str) -> None:
    # Sent as written: a client library would tidy it first.
    reply = raw(up, f"GET /flower/{page} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {up.running.api_key}\r\n\r\n")

    assert int(reply.split()[1]) == 404, reply[:300]
    assert "# HELP" not in reply


def raw(up: Up, request: str) -> str:
    """One request as it is written, and the beginning of its answer."""
    with socket.create_connection(
        (up.running.settings.api_host, up.running.settings.api_port), timeout=20
    ) as connection:
        connection.sendall(request.encode())
        return connection.recv(65_536).decode(errors="replace")


def test_flower_is_on_no_port_and_its_socket_lies_in_a_folder_for_its_owner_alone(up: Up) -> None:
    listening = [c for c in psutil.Process(up.pid("flower")).net_connections("inet") if c.status == psutil.CONN_LISTEN]

    assert listening == []
    assert stat.S_IMODE(up.socket.parent.stat().st_mode) == 0o700
    # The process behind it is the one we talk to.
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(up.socket))) as inside:
        assert inside.get("http://flower/flower/healthcheck").status_code == 200


def test_no_page_holds_the_password_of_redis_or_the_key(up: Up) -> None:
    password = re.search(r":([^:@]+)@", up.running.settings.redis_url)
    assert password

    for page in ("workers", "tasks", "broker", f"worker/{up.worker}", f"task/{up.task}"):
        text = up.get(f"/flower/{page}").text
        assert password[1] not in text, page
        assert up.running.api_key not in text, page


@contextmanager
def open_flower(up: Up, folder: Path) -> Iterator[httpx.Client]:
    """Another Flower on the same farm, as the farm starts it, but with its API open to whoever reaches it."""
    path = make_socket_path(folder)
    environment = child_environment(up.running.settings) | {"FLOWER_UNAUTHENTICATED_API": "true"}
    argv = flower_argv(up.running.settings, unix_socket=str(path))
    process = subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(path.exists)
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), base_url="http://flower", timeout=30) as client:
            wait_until(lambda: up.worker in client.get("/flower/api/workers", params={"refresh": "1"}).text)
            yield client
    finally:
        process.kill()
        process.wait(10)
        remove_socket(path, folder)


def test_read_only_means_that_flower_itself_runs_and_stops_nothing(up: Up, tmp_path: Path) -> None:
    # Given somebody who came past every door, to Flower itself, with its API open
    before = up.pid("worker"), psutil.Process(up.pid("worker")).create_time()
    with open_flower(up, tmp_path / "run") as flower:
        commands = [path for path in up.paths("POST") if path.startswith("/flower/api/")]
        assert any("shutdown" in path for path in commands)
        assert any("send-task" in path for path in commands)
        assert any("revoke" in path for path in commands)

        # When they send it each command it has
        answers = {path: flower.post(path, data={"args": "[]", "n": 1, "queue": "render"}) for path in commands}

    # Then it refuses each one, the worker lives on, and takes work
    assert {path: answer.status_code for path, answer in answers.items() if answer.status_code != 403} == {}
    up.farm.poll()
    assert (up.pid("worker"), psutil.Process(up.pid("worker")).create_time()) == before
    up.finish_a_job()


class Upstream(http.server.BaseHTTPRequestHandler):
    """A Flower that says too much, and keeps what it was told."""

    heard: ClassVar[list[tuple[str, dict[str, str]]]] = []

    def do_GET(self) -> None:
        self.heard.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        self.send_response(200)
        for name, value in (("Set-Cookie", "user=x"), ("Access-Control-Allow-Origin", "*"), ("ETag", '"1"')):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b"page")

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing to say."""


@pytest.fixture
def upstream() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_neither_key_nor_cookie_goes_in_and_no_cookie_or_leave_for_others_comes_out(upstream: str) -> None:
    sent = httpx.Headers(
        {"Authorization": "Bearer geheim", "Cookie": "a=b", "Accept": "text/html", "X-Forwarded-For": "1"}
    )

    with FlowerClient(upstream) as flower:
        answered = flower.page("worker/a@b c", query="json=1", headers=sent)

    path, heard = Upstream.heard.pop()
    assert path == "/flower/worker/a@b%20c?json=1"
    assert not heard.keys() & {"authorization", "cookie", "x-forwarded-for"}
    assert answered.headers == {"etag": '"1"'}
    assert answered.body == b"page"


# httpcore leaves a Unix socket that did not connect to the garbage collector.
@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("url", ["unix:/nowhere/flower.sock", f"unix:/{'x' * 200}", "http://127.0.0.1:9"])
def test_a_flower_that_is_gone_is_told_as_one_that_may_come_back(url: str) -> None:
    with FlowerClient(url) as flower:
        with pytest.raises(Unavailable, match="Flower does not answer"):
            flower.page("", query="", headers=httpx.Headers())
        with pytest.raises(NotFound):
            flower.page("metrics", query="", headers=httpx.Headers())


def test_a_home_with_a_long_path_has_its_socket_elsewhere_and_leaves_nothing(tmp_path: Path) -> None:
    short, long = Path("/run/x"), tmp_path / ("x" * 100)
    assert len(str(long)) > PATH_MAX_BYTES

    path = make_socket_path(long)

    assert len(os.fsencode(path)) <= PATH_MAX_BYTES
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.touch()
    remove_socket(path, long)
    assert not path.parent.exists()
    assert short != path.parent
