"""Whatever is sent, the API answers for it: never with a fault of its own."""

import json
import re
import socket
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from farm.api.roles import ROLES

# Health tells of services, which are not there; a collection is an admin's.
LINES = sorted(line for line in ROLES if line.split()[1] not in ("/health", "/metrics"))
RENDER = {"kind": "render", "cascade": "demo", "seeds": "0..9", "size_px": 32}
NASTY = ["", "0", "-1", "1e999", "NaN", "null", "\x00", "\ud800", "../..", "%00", "%2e%2e", "'; DROP TABLE job; --",
         "\u202e", "\U0001f4a3", "9" * 400, "x" * 3000, "1" * 4500, "{{7*7}}", "\r\nX: y", "\u0661",
         "0..9" * 200]  # fmt: skip

texts = st.one_of(st.sampled_from(NASTY), st.text(max_size=60))
numbers = st.one_of(
    st.integers(-(2**70), 2**70), st.floats(), st.sampled_from([10**400, -1, 0, 2**63, 2**63 - 1, 2**31])
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=12,
)
fields = st.sampled_from([*RENDER, "psi", "sigma", "noise_seed", "run", "stage", "dataset", "photos", "runs", "intake"])
kinds = st.sampled_from(["render", "train", "curate", "assemble", "import", "verify", "dance"])
jobs = st.builds(
    lambda base, changed, kind: {**base, **changed, **({"kind": kind} if kind else {})},
    st.sampled_from([RENDER, {}]),
    st.dictionaries(fields, values, max_size=3),
    st.one_of(st.none(), kinds),
)
bodies = st.one_of(
    st.binary(max_size=300), values.map(dumped := lambda value: json.dumps(value).encode()), jobs.map(dumped)
)
ids = st.one_of(st.sampled_from(["1", "2", "99999"]), texts)
queries = st.dictionaries(
    st.one_of(
        st.sampled_from(["limit", "after", "before", "state", "kind", "priority", "expires", "signature"]), texts
    ),
    st.one_of(st.sampled_from(["1", "500", "queued", "render"]), texts),
    max_size=3,
)
heads = st.dictionaries(
    st.sampled_from(
        ["Idempotency-Key", "Content-Type", "Range", "Accept", "If-None-Match", "X-Forwarded-For", "Cookie"]
    ),
    texts,
    max_size=3,
)
QUICK = settings(deadline=None, max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])


def encoded(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode(errors="surrogatepass"))


def header(text: str) -> bytes:
    """The text as far as a head can carry it: no end of line, no NUL, no blanks around it."""
    return re.sub(rb"[\x00-\x1f\x7f]", b"?", text.encode(errors="replace")[:4000]).strip()


@QUICK
@given(st.sampled_from(LINES), st.lists(ids, min_size=3, max_size=3), queries, heads, bodies)
def test_no_request_is_answered_with_a_fault(
    besieged: httpx.Client, line: str, names: list[str], query: dict[str, str], head: dict[str, str], body: bytes
) -> None:
    method, _, path = line.partition(" ")
    left = iter(names)
    path = re.sub(r"\{\w+\}", lambda _: encoded(next(left)[:500]), path)
    asked = "&".join(f"{encoded(name[:80])}={encoded(value[:80])}" for name, value in query.items())
    headers: Any = {name: header(value) for name, value in head.items()}

    answer = besieged.request(method, f"{path}?{asked}", headers=headers, content=body)

    assert answer.status_code < 500, answer.text
    if answer.is_error:
        assert answer.headers["content-type"] == "application/problem+json", answer.text
        assert answer.json()["detail"]


@QUICK
@given(jobs)
def test_no_job_is_answered_with_a_fault(besieged: httpx.Client, job: dict[str, Any]) -> None:
    answer = besieged.post("/v1/jobs", content=json.dumps(job).encode())

    assert answer.status_code in (200, 201, 409, 422), answer.text


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(min_size=1, max_size=300), st.booleans())
def test_noise_on_the_wire_harms_nobody(besieged: httpx.Client, noise: bytes, begins_well: bool) -> None:
    url = besieged.base_url
    with socket.create_connection((url.host, url.port or 80), timeout=20) as connection:
        connection.sendall((b"GET /docs HTTP/1.1\r\n" if begins_well else b"") + noise + b"\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        said = connection.recv(65_536)

    assert said == b"" or re.match(rb"HTTP/1\.1 [1-4]\d\d ", said)
    assert besieged.get("/docs").status_code == 200


@pytest.mark.parametrize("key", ["Idempotency-Key", "Content-Type", "Authorization"])
def test_a_header_sent_twice_is_one_answer(besieged: httpx.Client, key: str) -> None:
    twice = [(key, "a"), (key, "b"), ("Authorization", besieged.headers["Authorization"])]

    assert besieged.post("/v1/jobs", headers=twice, content=b"{}").status_code in (400, 401, 422)
