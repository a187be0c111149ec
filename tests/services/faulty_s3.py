"""A line to an S3 server that can be spoilt: the server behind it is real, and so is what goes wrong on the way."""

import contextlib
import http.client
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

SLOW_DOWN = (
    b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>SlowDown</Code>'
    b"<Message>Please reduce your request rate.</Message></Error>"
)
NOT_FORWARDED = ("connection", "keep-alive", "expect", "transfer-encoding")


@dataclass(frozen=True)
class Faults:
    """What happens to a request. Shares are 0 … 1."""

    refused: float = 0.0
    """Answered 503 SlowDown, or the connection is reset, in turn."""
    cut: float = 0.0
    """An object's bytes stop half-way, in whichever direction they go, and the connection ends."""
    delay_s: float = 0.0


class FaultyS3:
    """An HTTP proxy before one server. `faults` may be changed at any time; `counts` says what became of requests."""

    def __init__(self, endpoint_url: str) -> None:
        self.faults = Faults()
        self.counts: Counter[str] = Counter()
        self._target = urlsplit(endpoint_url).netloc
        self._lock = threading.Lock()
        self._dice = random.Random(7)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def count(self, what: str) -> int:
        """Counts, and says which number this one is."""
        with self._lock:
            self.counts[what] += 1
            return self.counts[what]

    def falls(self, share: float) -> bool:
        """A throw of the dice."""
        with self._lock:
            return self._dice.random() < share

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        line, target = self, self._target

        class Handler(_Handler):
            proxy = line
            behind = target

        return Handler


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: FaultyS3
    behind: str

    def _any(self) -> None:
        with contextlib.suppress(ConnectionError):  # the farm hung up, as after a time-out
            faults = self.proxy.faults
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if faults.delay_s:
                self.proxy.count("slow")
                time.sleep(faults.delay_s)
            if self.proxy.falls(faults.refused):
                self._refuse()
            elif (body or self.command == "GET") and self.proxy.falls(faults.cut):
                self._cut(body)
            else:
                self.proxy.count("passed")
                self._pass_on(body)

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = _any  # noqa: N815 - the names http.server asks for

    def _refuse(self) -> None:
        if self.proxy.count("refused") % 2:
            self._answer(503, [("Content-Type", "application/xml")], SLOW_DOWN)
        else:
            self._reset()

    def _cut(self, body: bytes) -> None:
        self.proxy.count("cut")
        connection = self._connected()
        try:
            self._ask(connection, body[: len(body) // 2])
            if not body:
                answer = connection.getresponse()
                found = answer.read()
                self._answer(answer.status, answer.getheaders(), found[: len(found) // 2], length=len(found))
        finally:
            connection.close()
            self._reset()

    def _pass_on(self, body: bytes) -> None:
        connection = self._connected()
        try:
            self._ask(connection, body)
            answer = connection.getresponse()
            self._answer(answer.status, answer.getheaders(), answer.read())
        except (http.client.HTTPException, OSError):
            self._reset()
        finally:
            connection.close()

    def _connected(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.behind, timeout=30)

    def _ask(self, connection: http.client.HTTPConnection, body: bytes) -> None:
        """The request with its own headers: Host is signed, and Content-Length tells of a body that was cut."""
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in NOT_FORWARDED:
                connection.putheader(name, value)
        connection.endheaders(body or None)

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes, *, length: int | None = None) -> None:
        told = {name.lower() for name, _ in headers}
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in (*NOT_FORWARDED, "content-length") or (
                name.lower() == "content-length" and self.command == "HEAD"
            ):
                self.send_header(name, value)
        if self.command != "HEAD" or "content-length" not in told:
            self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _reset(self) -> None:
        """End the connection as a machine does that lost its memory."""
        self.close_connection = True
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def log_message(self, *_: object) -> None:
        """It says nothing: `counts` has it all."""


@contextlib.contextmanager
def running_faulty_s3(endpoint_url: str) -> Iterator[FaultyS3]:
    """A proxy that passes everything on until it is told otherwise."""
    proxy = FaultyS3(endpoint_url)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
