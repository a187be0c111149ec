"""Limits on heads, bodies, pages and patience; and what every answer carries for browsers."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.types import Message

from farm.api.bodies import read_body
from farm.api.problems import MEDIA_TYPE
from farm.api.serving import GUARDS, HEAD_MAX_BYTES, HEADERS_MAX, PromptProtocol
from farm.errors import InvalidInput, TooLarge
from farm.service import Service
from tests.farm.api.conftest import served

WAIT_S = 20.0


class Impatient(PromptProtocol):
    """A head is due soon."""

    head_s = 0.3


def connected(address: str) -> socket.socket:
    url = httpx.URL(address)
    return socket.create_connection((url.host, url.port or 80), timeout=WAIT_S)


def is_closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(1024) == b""
    except ConnectionError:
        return True


@pytest.fixture
def impatient(app: FastAPI) -> Iterator[str]:
    with served(app, http=Impatient) as address:
        yield address


def dribble(connection: socket.socket, head: bytes) -> None:
    """Send a byte now and then, far more often than any time-out between bytes, until nobody listens any more."""
    began_s = time.monotonic()
    with pytest.raises(OSError):  # reset or broken pipe, whichever comes first
        for byte in head + b"x" * 1000:
            connection.send(bytes([byte]))
            time.sleep(0.02)
            assert time.monotonic() - began_s < WAIT_S, "it may go on for ever"


def test_a_head_that_comes_in_drops_is_not_waited_for(impatient: str) -> None:
    # Given one who says nothing, and one who says it very slowly, then both are cut off
    with connected(impatient) as silent, connected(impatient) as slow:
        dribble(slow, b"GET /health HTTP/1.1\r\nHost: x\r\nX: ")
        assert is_closed(silent)

    # And others are served
    assert httpx.get(f"{impatient}/docs").status_code == 200


def test_the_next_head_of_a_connection_is_due_as_soon(impatient: str) -> None:
    with connected(impatient) as connection:
        connection.sendall(b"GET /docs HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200")
        dribble(connection, b"GET /docs HTTP/1.1\r\nHost: x\r\nX: ")


def test_a_slow_body_is_no_slow_head(impatient: str) -> None:
    with connected(impatient) as connection:
        connection.sendall(b"GET /docs HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345")
        assert connection.recv(1024).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"x" * HEAD_MAX_BYTES + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * HEAD_MAX_BYTES + b"\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
        b"GET /health?" + b"limit=1&" * 4000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    ids=["address", "header", "headers", "query"],
)
def test_a_head_too_large_is_refused(besieged: httpx.Client, head: bytes) -> None:
    # What it did not read it answers with a reset, which may overtake the words.
    said = b""
    with connected(str(besieged.base_url)) as connection, contextlib.suppress(ConnectionError):
        connection.sendall(head)
        said = connection.recv(1024)

    assert said == b"" or said.startswith((b"HTTP/1.1 400", b"HTTP/1.1 431"))
    assert besieged.get("/docs").status_code == 200


def test_a_head_too_large_that_came_at_once_is_told_so(besieged: httpx.Client) -> None:
    long = besieged.get("/docs", headers={"X-Long": "x" * HEAD_MAX_BYTES})
    many = besieged.get("/docs", headers=[(f"X-{number}", "x") for number in range(HEADERS_MAX)])

    for answer in (long, many):
        assert (answer.status_code, answer.headers["content-type"]) == (431, MEDIA_TYPE)
        assert set(answer.json()) == {"type", "title", "status", "detail", "errors"}
    assert besieged.get("/docs", headers={"X-Long": "x" * (HEAD_MAX_BYTES - 1000)}).status_code == 200


def request_of(*chunks: bytes, pause_s: float = 0.0) -> Request:
    """A request whose body comes in chunks, each after a pause."""
    waiting = list(chunks)

    async def receive() -> Message:
        await asyncio.sleep(pause_s)
        return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting)}

    return Request({"type": "http", "method": "PUT", "headers": []}, receive)


def test_a_body_that_comes_too_slowly_is_given_up() -> None:
    with pytest.raises(InvalidInput, match="slower than 10,000 bytes a second"):
        asyncio.run(read_body(request_of(*[b"x"] * 1000, pause_s=0.05), max_bytes=10_000, patience_s=0.2))


def test_each_byte_that_came_buys_a_body_time() -> None:
    chunks = [b"x" * 20_000] * 4  # two seconds each at the slowest rate

    body = asyncio.run(read_body(request_of(*chunks, pause_s=0.1), max_bytes=100_000, patience_s=0.2))

    assert body == b"".join(chunks)


def test_a_body_without_a_length_is_cut_off_where_it_is_too_long() -> None:
    with pytest.raises(TooLarge):
        asyncio.run(read_body(request_of(*[b"x" * 1000] * 100), max_bytes=5000))


@pytest.mark.parametrize("limit", [0, -1, 501, 10**9])
def test_a_page_larger_than_the_largest_is_refused_and_not_cut_short(service: Service, limit: int) -> None:
    with pytest.raises(InvalidInput, match="must be 1 to 500"):
        service.jobs(limit=limit)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/jobs", 200),
        ("GET", "/docs", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/nothing", 404),
        ("DELETE", "/v1/jobs", 405),
        ("POST", "/v1/jobs", 422),
        ("GET", "/v1/keys", 403),
        ("GET", "/v1/objects/a", 401),
    ],
)
def test_every_answer_is_guarded(besieged: httpx.Client, method: str, path: str, status: int) -> None:
    answer = besieged.request(method, path, headers={"Origin": "https://elsewhere.example"})

    assert answer.status_code == status
    assert set(GUARDS) <= set(answer.headers)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert "server" not in answer.headers


def test_pages_of_other_origins_get_no_leave(besieged: httpx.Client) -> None:
    asking = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}

    answer = besieged.request("OPTIONS", "/v1/jobs", headers=asking)

    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "HEAD", "OPTIONS", "PATCH", "PROPFIND", "X" * 100])
def test_a_method_that_is_none_of_an_address_does_nothing(besieged: httpx.Client, method: str) -> None:
    before = besieged.get("/v1/jobs").json()

    assert besieged.request(method, "/v1/jobs").status_code in (400, 405)
    override = {"X-HTTP-Method-Override": "DELETE", "X-Method-Override": "POST"}
    assert besieged.get("/v1/jobs", headers=override).json() == before


@pytest.mark.parametrize("value", ["bytes=0-1", "bytes=-1", "bytes=9-1", "bytes=0-0," * 500, "lines=1", "\xff"])
def test_a_range_changes_nothing(besieged: httpx.Client, value: str) -> None:
    answer = besieged.get("/docs", headers={"Range": value.encode("latin-1")})  # type: ignore[dict-item]

    assert answer.status_code == 200
    assert answer.text.startswith("<!doctype html>")
