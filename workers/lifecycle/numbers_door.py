"""Where Prometheus reads a worker's numbers: GET /metrics on FARM_METRICS_PORT, with an API key as everywhere."""

import hashlib
import logging
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from farm.errors import Unavailable

_log = logging.getLogger(__name__)

REQUEST_S = 5.0
"""How long a connection may take to say what it wants."""
SECRET_MAX_CHARS = 256


class NumbersDoor:
    """An HTTP server on threads of its own. It is no part of the work: where its port is taken, the worker goes on."""

    def __init__(self, registry: CollectorRegistry, *, knows: Callable[[str], object | None]) -> None:
        """knows: the key of a secret, or None; it may raise Unavailable."""
        self._registry, self._knows = registry, knows
        self._known: set[bytes] = set()
        self._server: ThreadingHTTPServer | None = None

    @property
    def port(self) -> int:
        """The port it listens on; 0 while it does not."""
        return self._server.server_address[1] if self._server else 0

    def open(self, host: str, port: int) -> bool:
        """Answer from now on, until the process ends. False, with a line in the log, where the address is taken."""
        try:
            self._server = ThreadingHTTPServer((host, port), _handler(self))
        except OSError as error:
            _log.warning("this worker's numbers are not to be had at %s:%d: %s", host, port, error)
            return False
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True).start()
        _log.info("this worker's numbers: http://%s:%d/metrics", host, self.port)
        return True

    def close(self) -> None:
        """Stop answering."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def page(self) -> bytes:
        """The numbers, as Prometheus reads them."""
        return generate_latest(self._registry)

    def admits(self, authorization: str) -> bool:
        """True for a key of this farm. While the ledger is away, those it knew before are: an outage is just when the
        numbers are wanted."""
        scheme, _, secret = authorization.partition(" ")
        if scheme.lower() != "bearer" or not 0 < len(secret) <= SECRET_MAX_CHARS:
            return False
        digest = hashlib.sha256(secret.encode()).digest()
        try:
            known = self._knows(secret) is not None
        except Unavailable:
            return digest in self._known
        (self._known.add if known else self._known.discard)(digest)
        return known


def _handler(door: NumbersDoor) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = REQUEST_S
        server_version, sys_version = "farm", ""

        def do_GET(self) -> None:
            if self.path.partition("?")[0] != "/metrics":
                self._answer(HTTPStatus.NOT_FOUND, b"/metrics is all there is\n")
            elif not door.admits(self.headers.get("Authorization", "")):
                self._answer(HTTPStatus.UNAUTHORIZED, b"send your key as `Authorization: Bearer <key>`\n")
            else:
                self._answer(HTTPStatus.OK, door.page())

        def _answer(self, status: HTTPStatus, body: bytes) -> None:
            self.send_response(status)
            if status is HTTPStatus.UNAUTHORIZED:
                self.send_header("WWW-Authenticate", "Bearer")
            self.send_header("Content-Type", CONTENT_TYPE_PLAIN_0_0_4 if status is HTTPStatus.OK else "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            _log.debug(format, *args)

    return Handler
