"""Starting, waiting for, killing and clearing away the processes that tests stand on."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import psutil
import pytest

REQUIRE = "FARM_TESTS_REQUIRE"
START_TIMEOUT_S = 90.0
STOP_TIMEOUT_S = 20.0


@dataclass(frozen=True)
class Place:
    """Where a service runs. The default is this machine, for this machine alone, open to everybody on it.

    address: what it listens on. enter: what runs a command there (`ip netns exec …`). password: what it asks of those
    who come from elsewhere; empty asks nobody.
    """

    address: str = "127.0.0.1"
    enter: tuple[str, ...] = ()
    password: str = ""

    def entering(self, user: str | None) -> list[str]:
        """What to put before a command to run it there, as this unprivileged user where one is named."""
        if not self.enter or user is None:
            return list(self.enter)
        return [*self.enter, "setpriv", "--reuid", user, "--regid", str(_group_of(user)), "--clear-groups"]


HERE = Place()


class ServiceMissing(Exception):
    """The program a service needs is not installed; the message says what to install."""


class ServiceFailed(Exception):
    """A service was started and did not come up; the message ends with its own last words."""


def lives(process: psutil.Process) -> bool:
    """False when it is gone, or a zombie that only waits to be noticed; it may end while this looks."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def words_of(process: psutil.Process) -> list[str]:
    """Its command line; empty when it has ended."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def skip_or_fail(name: str, error: ServiceMissing) -> NoReturn:
    """Skip the test, or fail it where FARM_TESTS_REQUIRE (`redis,postgres,s3,browser`) names the service."""
    required = {part.strip() for part in os.environ.get(REQUIRE, "").split(",")}
    if name in required:
        pytest.fail(f"{REQUIRE} asks for {name}, but {error}", pytrace=False)
    pytest.skip(f"no {name}: {error}")


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on at this moment."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


@contextlib.contextmanager
def scratch_folder(name: str) -> Iterator[Path]:
    """A folder directly under the temporary one (short paths: sockets live in it), removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix=f"farm-{name}-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class ServiceProcess:
    """One server process, in a session of its own so that Ctrl-C reaches pytest alone, which then stops it here.

    command: program and arguments. log: file for all it says. user: unprivileged user to run as, None for our own.
    stop_signal: what asks it to end at once but cleanly. place: where it runs.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        user: str | None = None,
        stop_signal: int = signal.SIGTERM,
        place: Place = HERE,
    ) -> None:
        self.log = log
        self._stop_signal = stop_signal
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [*place.entering(user), *die_with_parent(), *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **as_user(None if place.enter else user),
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def wait_until(self, ready: Callable[[], bool], *, timeout_s: float = START_TIMEOUT_S) -> None:
        """Return when `ready()`; raises ServiceFailed when the process ends before, or the time is up."""
        deadline_s = time.monotonic() + timeout_s
        while not ready():
            if self.process.poll() is not None:
                raise ServiceFailed(f"{self.process.args!r} ended with {self.process.returncode}:\n{self.last_words()}")
            if time.monotonic() > deadline_s:
                raise ServiceFailed(f"{self.process.args!r} was not ready in {timeout_s:.0f} s:\n{self.last_words()}")
            time.sleep(0.05)

    def last_words(self) -> str:
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else "(no log)"

    def stop(self) -> None:
        """End it cleanly, or by SIGKILL when that takes too long; returns when it is gone."""
        if self.process.poll() is None:
            self.process.send_signal(self._stop_signal)
            try:
                self.process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        """SIGKILL, as a power cut would; returns when it is gone."""
        self.process.kill()
        self.process.wait(STOP_TIMEOUT_S)


def accepts_connections(port: int) -> bool:
    """True when something listens on this port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def as_user(user: str | None) -> dict[str, Any]:
    """Arguments that make subprocess run as this user, without our groups."""
    return {} if user is None else {"user": user, "group": _group_of(user), "extra_groups": []}


def _group_of(user: str) -> int:
    return pwd.getpwnam(user).pw_gid


def die_with_parent() -> list[str]:
    """Where the kernel offers it, a server is killed even when pytest itself is killed by SIGKILL."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return []
    probe = subprocess.run([setpriv, "--help"], capture_output=True, text=True, check=False)
    return [setpriv, "--pdeathsig", "KILL"] if "--pdeathsig" in probe.stdout else []
