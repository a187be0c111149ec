"""The farm's API as a program uses it: JSON over HTTP with a key, problem documents as our own errors."""

from __future__ import annotations

from types import TracebackType
from typing import Any

import httpx

from farm.errors import FarmError, InvalidInput, NotFound, Problem, Unavailable, WorkFailed

TIMEOUT_S = 30.0


class ApiClient:
    """Talks to one farm. Use it as a context manager.

    Every call raises Unavailable where the farm does not answer, InvalidInput (with each wrong field) where it
    refuses, WorkFailed where it fails.
    """

    def __init__(self, base_url: str, *, key: str, transport: httpx.BaseTransport | None = None) -> None:
        """`transport`: another way to the API than the network, for tests.

        Raises InvalidInput for a key that no farm gave out.
        """
        if not key.isascii():
            told = "has letters that no key has: copy it anew from where `farm keys create` showed it"
            raise InvalidInput("the key is wrong", problems=[Problem("FARM_API_KEY", told)])
        self._key = {"Authorization": f"Bearer {key}"}
        self._http = httpx.Client(base_url=base_url, timeout=TIMEOUT_S, trust_env=False, transport=transport)

    def __enter__(self) -> ApiClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def get(self, path: str, **query: Any) -> Any:
        """The JSON at an address."""
        return self._send("GET", path, params=query, headers=self._key).json()

    def get_bytes(self, path: str, **query: Any) -> bytes:
        """The bytes at an address."""
        return self._send("GET", path, params=query, headers=self._key).content

    def post(self, path: str, *, json: Any = None, body: bytes | None = None) -> Any:
        """The JSON answer to a JSON value or to bytes."""
        return self._send("POST", path, json=json, content=body, headers=self._key).json()

    def put(self, path: str, *, json: Any = None, body: bytes | None = None) -> Any:
        """The JSON answer to a PUT: of a JSON value, of bytes or of nothing."""
        return self._send("PUT", path, json=json, content=body, headers=self._key).json()

    def delete(self, path: str) -> Any:
        """The JSON answer to a DELETE."""
        return self._send("DELETE", path, headers=self._key).json()

    def download(self, url: str) -> bytes:
        """The bytes behind a link that the API gave out. The key is not sent along: the link may lead elsewhere.

        Raises NotFound where nothing lies there (any more).
        """
        response = self._answer("GET", url)
        if response.status_code == httpx.codes.NOT_FOUND:
            raise NotFound("there is nothing behind its link")
        if response.is_error:
            raise _error_of(response)
        return response.content

    def _send(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        response = self._answer(method, path, **kwargs)
        if response.is_error:
            raise _error_of(response)
        return response

    def _answer(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        kwargs = {name: value for name, value in kwargs.items() if value is not None}
        try:
            return self._http.request(method, path, **kwargs)
        except httpx.HTTPError as error:
            raise Unavailable(f"the API does not answer: {error}") from error


def _error_of(response: httpx.Response) -> FarmError:
    try:
        document = response.json()
        problems = [Problem(item["field"], item["message"]) for item in document["errors"]]
        message = str(document["detail"])
    except (ValueError, KeyError, TypeError):
        return WorkFailed(f"the API answered {response.status_code} without saying why")
    if response.status_code == httpx.codes.SERVICE_UNAVAILABLE:
        return Unavailable(message)
    return InvalidInput(message, problems=problems) if response.is_client_error else WorkFailed(message)
