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
"""Of a request's first line and headers together; more is answered with 400."""
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
    """The app, with GUARDS on its answers. No header lets another origin's page read them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in GUARDS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, guarded)


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
