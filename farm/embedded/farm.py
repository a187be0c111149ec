"""The whole farm on this machine: Redis, one worker for all queues, the API and Flower, started, watched and ended."""

import contextlib
import fcntl
import json
import logging
import os
import secrets
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from farm.embedded.child import Child, ChildSpec
from farm.embedded.flower_socket import make_socket_path, remove_socket
from farm.embedded.orphans import end_members
from farm.embedded.redis_server import redis_config, redis_program
from farm.errors import Conflict, QueueUnavailable, Unavailable
from farm.queue import WORKER_APP, TicketQueue, flower_argv, worker_argv
from farm.service.keys import local_key
from farm.service.opening import open_service
from farm.settings import EMBEDDED_FILE, Settings, child_environment

_log = logging.getLogger(__name__)

RUN_FOLDER = "run"
LOCK_FILE = "run/farm.lock"
START_S = 60.0
"""How long a part of the farm may take until it answers."""
MICRO_BATCH_S = 20.0
"""The longest micro-batch a stopping farm waits for, beyond `shutdown_s`; what still runs then is killed."""
POLL_S = 0.2
FLOWER_USER = "farm"
"""What to answer where a browser asks for a name; the key is the password, and any name will do."""


@dataclass(frozen=True, kw_only=True)
class Running:
    """Where the started farm answers. `settings` have its real addresses. Flower's login is FLOWER_USER and the key."""

    settings: Settings
    api_url: str
    docs_url: str
    flower_url: str
    api_key: str = field(repr=False)


class EmbeddedFarm:
    """Starts, watches and ends the farm's processes. Only one runs in a FARM_HOME.

    Use it as a context manager in a thread that outlives it, and call `poll` a few times a second.
    """

    def __init__(self, settings: Settings, *, worker_app: str = WORKER_APP) -> None:
        """worker_app: the module whose `app` its worker serves."""
        self._given, self._worker_app = settings, worker_app
        self._children: list[Child] = []
        self._lock_file: int | None = None
        self._flower_socket: Path | None = None
        self.hurry = False
        """Set it to end without patience."""

    def __enter__(self) -> Running:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def children(self) -> tuple[Child, ...]:
        """What it started, in order."""
        return tuple(self._children)

    def start(self, *, give_up: Callable[[], bool] = lambda: False) -> Running:
        """Start everything and return when the API answers; the worker may still be loading.

        Raises Conflict when a farm runs in this FARM_HOME or a port is taken, QueueUnavailable when there is no Redis
        to start, Unavailable when a part does not come up or `give_up` said so. Nothing is left running then.
        """
        try:
            self._lock()
            return self._start(give_up)
        except BaseException:
            self.hurry = True
            self.stop()
            raise

    def poll(self) -> None:
        """Start again what died. Never blocks."""
        for child in self._children:
            child.keep_alive()

    def check(self) -> None:
        """Raises Unavailable, with the end of its log, where a part died again after it was started again."""
        for child in self._children:
            if child.restarts and not child.alive:
                told = f"{child.spec.name} does not come up; the end of its log:"
                raise Unavailable(f"{told}\n{child.last_words()}")

    def stop(self) -> None:
        """End everything: SIGTERM to each process that was started here, and what is left after the patience is killed.

        Redis goes last, for the worker says good-bye through it.
        """
        redis = [child for child in self._children if child.spec.name == "redis"]
        others = [child for child in self._children if child.spec.name != "redis"]
        for child in others:
            child.ask_to_end()
        self._wait_or_kill(others, self._given.shutdown_s + MICRO_BATCH_S)
        for child in redis:
            child.ask_to_end()
        self._wait_or_kill(redis, 2.0)
        killed = end_members({child.pid for child in self._children if child.pid is not None})
        if killed:
            _log.warning("%d processes had to be killed", killed)
        self._children.clear()
        if self._flower_socket is not None:
            remove_socket(self._flower_socket, self._given.home / RUN_FOLDER)
            self._flower_socket = None
        self._unlock()

    def _start(self, give_up: Callable[[], bool]) -> Running:
        settings = self._start_redis(self._with_ports(), give_up)
        with open_service(settings) as service:
            key = local_key(service)
        self._write_addresses(settings)
        environment = child_environment(settings)
        self._add(settings, "worker", worker_argv(settings, app=self._worker_app), environment)
        self._add(settings, "api", [sys.executable, "-m", "farm.api"], environment)
        # A login or a setting of another Flower would shut this one to the API.
        unmarked = {name: value for name, value in environment.items() if not name.startswith("FLOWER_")}
        self._add(settings, "flower", flower_argv(settings, unix_socket=str(self._flower_socket)), unmarked)
        self._wait_for("api", lambda: _answers(settings.api_host, settings.api_port), give_up)
        api_url = f"http://{settings.api_host}:{settings.api_port}"
        return Running(
            settings=settings,
            api_url=api_url,
            docs_url=f"{api_url}/docs",
            flower_url=f"{api_url}/flower/",
            api_key=key,
        )

    def _with_ports(self) -> Settings:
        """The settings with a free port and a socket; what a farm killed earlier wrote of its own is forgotten."""
        stale = self._given.home / EMBEDDED_FILE
        written = json.loads(stale.read_text()) if stale.is_file() else {}
        stale.unlink(missing_ok=True)
        given = self._given.model_dump()
        if given["redis_url"] == written.get("redis_url"):
            given["redis_url"] = ""
        if (port := given["api_port"]) == 0 or (port == written.get("api_port") and not _is_free(port)):
            given["api_port"] = _free_port()
        elif not _is_free(port):
            raise Conflict(f"port {port} is taken; set FARM_API_PORT to another, or to 0 for any")
        self._flower_socket = make_socket_path(self._given.home / RUN_FOLDER)
        given["flower_url"] = f"unix:{self._flower_socket}"
        return Settings.model_validate(given)

    def _start_redis(self, settings: Settings, give_up: Callable[[], bool]) -> Settings:
        """The settings with a Redis: the one that was given, or our own on a free port."""
        if settings.redis_url:
            return settings
        port, password = _free_port(), secrets.token_urlsafe(24)
        folder = settings.home / "run"
        config = redis_config(port=port, password=password, folder=folder)
        self._add(settings, "redis", [str(redis_program()), "-"], child_environment(settings), config=config)
        settings = settings.model_copy(update={"redis_url": f"redis://:{password}@127.0.0.1:{port}/0"})
        with contextlib.closing(TicketQueue(settings)) as queue:
            self._wait_for("redis", lambda: _pings(queue), give_up)
        return settings

    def _add(
        self, settings: Settings, name: str, argv: list[str], environment: dict[str, str], *, config: str = ""
    ) -> None:
        log = settings.home / "log" / f"{name}.log"
        child = Child(ChildSpec(name=name, argv=argv, environment=environment, log=log, config=config))
        self._children.append(child)
        child.start()

    def _wait_for(self, name: str, ready: Callable[[], bool], give_up: Callable[[], bool]) -> None:
        child = next(c for c in self._children if c.spec.name == name)
        deadline_s = time.monotonic() + START_S
        while not ready():
            if give_up():
                raise Unavailable("stopped while starting")
            if not child.alive or time.monotonic() > deadline_s:
                raise Unavailable(f"{name} did not start; the end of {child.spec.log}:\n{child.last_words()}")
            time.sleep(0.05)

    def _wait_or_kill(self, children: list[Child], patience_s: float) -> None:
        deadline_s = time.monotonic() + patience_s
        for child in children:
            while not child.wait(min(POLL_S, deadline_s - time.monotonic())):
                if self.hurry or time.monotonic() > deadline_s:
                    _log.warning("%s did not end in time and is killed", child.spec.name)
                    child.kill()

    def _write_addresses(self, settings: Settings) -> None:
        """For the commands beside it; readable by the owner alone, for the address of Redis holds its password."""
        told = {name: getattr(settings, name) for name in ("redis_url", "api_host", "api_port")}
        path = settings.home / EMBEDDED_FILE
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(told | {"pid": os.getpid()}, file)

    def _lock(self) -> None:
        path = self._given.home / LOCK_FILE
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock_file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._lock_file)
            self._lock_file = None
            raise Conflict(f"a farm is already running in {self._given.home}") from error

    def _unlock(self) -> None:
        if self._lock_file is not None:
            (self._given.home / EMBEDDED_FILE).unlink(missing_ok=True)
            os.close(self._lock_file)
            self._lock_file = None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _answers(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1" if host in ("0.0.0.0", "") else host, port)) == 0


def _pings(queue: TicketQueue) -> bool:
    try:
        queue.ping()
    except QueueUnavailable:
        return False
    return True
