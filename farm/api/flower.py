"""Flower behind this API's own door: its pages, and nothing else of it.

What is let through is a list: pages, their scripts, and the question for rows of the task table. So /metrics and
/healthcheck, which Flower leaves open to anybody, and /api, which runs and revokes tasks, are shut by not being on it;
Flower itself runs read-only besides, where nobody but this process reaches it.
"""

import re
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

import httpx

from farm.errors import NotFound, Unavailable

PREFIX: Final = "/flower/"
TIMEOUT_S = 20.0
ROWS: Final = "tasks/datatable"
"""The one address that is asked by POST: its query is too long for an address."""
_PAGES = re.compile(
    r"|workers|tasks|broker|(worker|task)/(?!\.\.?$)[^/\\\x00-\x1f]{1,255}|static/(?!.*\.\.)[\w.-]+(/[\w.-]+){0,3}",
    re.ASCII,
)
_ASKED = ("accept", "accept-language", "content-type", "if-modified-since", "if-none-match", "x-requested-with")
_ANSWERED = ("content-type", "cache-control", "etag", "last-modified", "vary")


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What Flower said: status, the headers that are passed on, body."""

    status: int
    headers: dict[str, str]
    body: bytes


class FlowerClient:
    """Asks the Flower at `url`: http://host:port, or unix:/path/of/its/socket. Threads may share it."""

    def __init__(self, url: str) -> None:
        scheme, _, path = url.partition(":")
        self._http = httpx.Client(
            base_url="http://flower" if scheme == "unix" else url,
            transport=httpx.HTTPTransport(uds=path if scheme == "unix" else None),
            timeout=TIMEOUT_S,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _tb: TracebackType | None
    ) -> None:
        self._http.close()

    def page(self, page: str, *, query: str, headers: httpx.Headers) -> Answered:
        """One page. Raises NotFound for what is not on the list, Unavailable where Flower does not answer."""
        if not _PAGES.fullmatch(page):
            raise NotFound(f"Flower has no page {page[:100]!r} here")
        return self._ask("GET", page, query=query, headers=headers)

    def rows(self, body: bytes, *, headers: httpx.Headers) -> Answered:
        """Rows of the task table. Raises Unavailable where Flower does not answer."""
        return self._ask("POST", ROWS, headers=headers, body=body)

    def _ask(
        self, method: str, page: str, *, headers: httpx.Headers, query: str = "", body: bytes | None = None
    ) -> Answered:
        address = PREFIX + quote(page, safe="/@") + (f"?{query}" if query else "")
        passed = {name: headers[name] for name in _ASKED if name in headers}
        try:
            # Neither the key nor a cookie goes along, and the answer comes as it is, not compressed.
            said = self._http.request(method, address, headers=passed | {"accept-encoding": "identity"}, content=body)
        except (httpx.HTTPError, OSError) as error:
            raise Unavailable(f"Flower does not answer: {error}") from error
        told = {name: said.headers[name] for name in _ANSWERED if name in said.headers}
        return Answered(status=said.status_code, headers=told, body=said.content)
