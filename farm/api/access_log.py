"""One log line and one count for each request, and an id by which its lines find together."""

import logging
import re
import secrets
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from farm import logs
from farm.api.metrics import RequestNumbers

_log = logging.getLogger(__name__)

HEADER = "X-Request-ID"
_GIVEN = re.compile(r"[A-Za-z0-9._-]{1,64}")
PATH_CHARS = 200
QUIET_ROUTES = frozenset({"/health", "/metrics"})
"""Asked every few seconds by machines: told at DEBUG."""


class AccessLog:
    """The app, with its requests told and counted. A request's id is the client's own, where it sent a good one."""

    def __init__(self, app: ASGIApp, *, numbers: RequestNumbers) -> None:
        self._app, self._numbers = app, numbers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        request_id = given if _GIVEN.fullmatch(given) else secrets.token_hex(8)
        scope["request_id"] = request_id
        status, began_s = 500, time.perf_counter()

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        with logs.about(request=request_id):
            try:
                await self._app(scope, receive, noted)
            finally:
                self._tell(scope, status, time.perf_counter() - began_s)

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        method, path = scope["method"], scope["path"][:PATH_CHARS]
        route = getattr(scope.get("route"), "path", "none")
        self._numbers.answered(method, route, status, seconds=seconds)
        fields = {"method": method, "path": path, "status": status, "seconds": round(seconds, 4)}
        level = logging.DEBUG if route in QUIET_ROUTES else logging.INFO
        _log.log(level, "%s %s %d in %.3f s", method, path, status, seconds, extra={logs.FIELDS: fields})
