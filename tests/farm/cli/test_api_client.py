"""The API as a program uses it."""

from collections.abc import Callable

import httpx
import pytest

from farm.cli.api_client import ApiClient
from farm.errors import FarmError, InvalidInput, Unavailable, WorkFailed

Answer = Callable[[httpx.Request], httpx.Response]


def client(answer: Answer) -> ApiClient:
    return ApiClient("http://farm", key="secret", transport=httpx.MockTransport(answer))


def test_the_key_goes_to_the_api_and_nowhere_else() -> None:
    seen: dict[str, str | None] = {}

    def answer(request: httpx.Request) -> httpx.Response:
        seen[str(request.url)] = request.headers.get("Authorization")
        return httpx.Response(200, json={})

    with client(answer) as api:
        api.get("/v1/jobs", limit=2)
        api.post("/v1/jobs", json={})
        api.download("https://bucket.example/portrait.png?signature=1")
        api.download("/v1/objects/x?signature=1")

    assert seen == {
        "http://farm/v1/jobs?limit=2": "Bearer secret",
        "http://farm/v1/jobs": "Bearer secret",
        "https://bucket.example/portrait.png?signature=1": None,
        "http://farm/v1/objects/x?signature=1": None,
    }


def test_a_problem_document_becomes_an_error_with_every_field() -> None:
    document = {"detail": "the job has mistakes", "errors": [{"field": "psi", "message": "too large"}]}

    with client(lambda _: httpx.Response(422, json=document)) as api, pytest.raises(InvalidInput) as refused:
        api.get("/v1/jobs")

    assert str(refused.value) == "the job has mistakes\n  psi: too large"


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (httpx.Response(503, json={"detail": "later", "errors": []}), Unavailable),
        (httpx.Response(500, json={"detail": "a fault", "errors": []}), WorkFailed),
        (httpx.Response(502, text="<html>"), WorkFailed),
        (httpx.Response(404, json=[]), WorkFailed),
    ],
)
def test_other_failures_are_told_as_what_they_are(response: httpx.Response, error: type[FarmError]) -> None:
    with client(lambda _: response) as api, pytest.raises(error):
        api.get("/v1/jobs")


def test_an_api_that_is_not_there_is_unavailable() -> None:
    with ApiClient("http://127.0.0.1:1", key="x") as api, pytest.raises(Unavailable):
        api.get("/health")


def test_a_key_that_no_farm_gave_out_is_told_before_anything_is_sent() -> None:
    with pytest.raises(InvalidInput) as refused:
        ApiClient("http://farm", key="clé")
    assert [problem.field for problem in refused.value.problems] == ["FARM_API_KEY"]
