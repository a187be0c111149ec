"""A line between browser and farm that a test can cut for good: the browser's own switch lets go as a page closes."""

import contextlib
import socket
import socketserver
import threading
from collections.abc import Iterator


class Line(socketserver.ThreadingTCPServer):
    """Carries each connection on to `port` of this machine; `cut()` ends all of them and takes no more."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Call)
        self.farm = ("127.0.0.1", port)
        self.whole = threading.Event()
        self.whole.set()
        self.calls: set[socket.socket] = set()

    @property
    def address(self) -> str:
        """Where a browser reaches the farm through it."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def cut(self) -> None:
        """From here on nothing passes."""
        self.whole.clear()
        for end in list(self.calls):
            _hang_up(end)

    def mend(self) -> None:
        """New connections pass again."""
        self.whole.set()


class _Call(socketserver.BaseRequestHandler):
    server: Line

    def handle(self) -> None:
        if not self.server.whole.is_set():
            return
        with socket.create_connection(self.server.farm) as farm:
            ends = {self.request, farm}
            self.server.calls |= ends
            back = threading.Thread(target=_carry, args=(farm, self.request), daemon=True)
            back.start()
            _carry(self.request, farm)
            back.join()
            self.server.calls -= ends


def _carry(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(1 << 16):
            sink.sendall(piece)
    _hang_up(sink)


def _hang_up(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def line_to(port: int) -> Iterator[Line]:
    """A whole line to that port, for as long as the context lasts."""
    with Line(port) as line:
        threading.Thread(target=line.serve_forever, daemon=True).start()
        try:
            yield line
        finally:
            line.cut()
            line.shutdown()
