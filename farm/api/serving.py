"""The HTTP server under the API: uvicorn with limits on what a connection may ask and how long it may dawdle."""

import asyncio
from typing import Any, Final

import h11
import uvicorn
from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_MAX_BYTES = 16_384
"""Of a request's address and headers together; more is refused."""
HEADERS_MAX = 100
"""How many headers a request may have."""
HEAD_S = 15.0
"""How long a connection may take to send them."""
IDLE_S = 10
"""How long a connection may wait between two requests."""
CONNECTIONS_MAX = 1000
"""Open connections of one process; more are answered with 503."""
GOODBYE_S = 3
"""How long open requests may take when the process is told to end."""

GUARDS: Final = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
"""What every answer carries that says nothing else: no browser guesses its type, frames it, or keeps it."""


class Guarded:
    """The app, with GUARDS on its answers. No header lets another origin's page read them.

    A head that is too large never reaches it: h11 bounds only what it holds while it waits for the rest of one.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in GUARDS.items():
                    headers.setdefault(name, value)
            await send(message)

        app = _too_large if scope["type"] == "http" and _head_bytes(scope) > HEAD_MAX_BYTES else self._app
        await app(scope, receive, guarded)


def _head_bytes(scope: Scope) -> int:
    """Bytes of address and headers; too many headers count as too many bytes."""
    headers = scope["headers"]
    if len(headers) > HEADERS_MAX:
        return HEAD_MAX_BYTES + 1
    return len(scope["raw_path"]) + len(scope["query_string"]) + sum(len(name) + len(value) for name, value in headers)


async def _too_large(_scope: Scope, _receive: Receive, send: Send) -> None:
    body = (
        b'{"type": "urn:portrait-farm:problem:head-too-large", "title": "Too large", "status": 431, "errors": [], '
        b'"detail": "the address and headers are more than %d bytes, or the headers more than %d"}'
        % (HEAD_MAX_BYTES, HEADERS_MAX)
    )
    headers = [(b"content-type", b"application/problem+json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 431, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class PromptProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, which by itself waits for ever for the rest of a request's head."""

    head_s = HEAD_S

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._rest()
        super().connection_lost(exc)

    def _watch(self) -> None:
        """A head that began is due HEAD_S after its first byte, however many bytes follow."""
        if self.conn.their_state is not h11.IDLE:
            self._rest()
        elif self._late is None:
            self._late = self.loop.call_later(self.head_s, self.transport.close)

    def _rest(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


def server_config(app: FastAPI, *, host: str, port: int, **options: Any) -> uvicorn.Config:
    """uvicorn's configuration for the API. `options` replaces parts of it."""
    limits: dict[str, Any] = {
        "http": PromptProtocol,
        "ws": "none",
        "h11_max_incomplete_event_size": HEAD_MAX_BYTES,
        "timeout_keep_alive": IDLE_S,
        "timeout_graceful_shutdown": GOODBYE_S,
        "limit_concurrency": CONNECTIONS_MAX,
        "server_header": False,
        "access_log": False,
    }
    return uvicorn.Config(app, host=host, port=port, **(limits | options))
