"""One process the embedded farm started: kept alive with patience, ended politely, and killed when that fails."""

import contextlib
import logging
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_log = logging.getLogger(__name__)

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
STEADY_S = 60.0
"""A process that lived so long starts with the shortest pause again."""


@dataclass(frozen=True, kw_only=True)
class ChildSpec:
    """What to run. `config` goes to its standard input; `log` is the file for all it says."""

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    log: Path
    config: str = field(default="", repr=False)


class Child:
    """A supervised process, in a session of its own: Ctrl-C in the terminal reaches the supervisor alone, which then
    signals this process and not its children.

    Start it from the thread that lives as long as the farm: on Linux the kernel ends it with that thread.
    """

    def __init__(self, spec: ChildSpec) -> None:
        self.spec = spec
        self.restarts = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._started_s = 0.0
        self._pause_s = FIRST_PAUSE_S
        self._start_at_s: float | None = None

    @property
    def pid(self) -> int | None:
        """Its process id, or None before the first start."""
        return self._process.pid if self._process else None

    @property
    def alive(self) -> bool:
        """True while it runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it now."""
        self.spec.log.parent.mkdir(parents=True, exist_ok=True)
        with self.spec.log.open("ab") as output:
            self._process = subprocess.Popen(
                [*_ending_with_us(), *self.spec.argv],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(self.spec.environment),
                start_new_session=True,
            )
        with contextlib.suppress(BrokenPipeError), self._process.stdin or contextlib.nullcontext() as pipe:
            if pipe is not None:
                pipe.write(self.spec.config.encode())
        self._started_s, self._start_at_s = time.monotonic(), None

    def keep_alive(self) -> None:
        """Start it again if it died, after a pause that doubles while it keeps dying. Never blocks."""
        if self._process is None or self._process.poll() is None:
            return
        now_s = time.monotonic()
        if self._start_at_s is None:
            if now_s - self._started_s > STEADY_S:
                self._pause_s = FIRST_PAUSE_S
            self._start_at_s = now_s + self._pause_s
            _log.warning(
                "%s ended (%s); it starts again in %g s; its log is %s",
                *(self.spec.name, _words_of(self._process.returncode), self._pause_s, self.spec.log),
            )
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        elif now_s >= self._start_at_s:
            self.restarts += 1
            self.start()

    def ask_to_end(self) -> None:
        """SIGTERM to this process alone: what it started itself, it ends itself."""
        if self.alive and self._process is not None:
            self._process.terminate()

    def wait(self, timeout_s: float) -> bool:
        """True when it is gone within `timeout_s`."""
        if self._process is None:
            return True
        try:
            self._process.wait(max(0.0, timeout_s))
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """SIGKILL to it and to all of its group, and wait until it is gone."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def last_words(self) -> str:
        """The end of its log."""
        try:
            return self.spec.log.read_text(errors="replace")[-2000:]
        except OSError:
            return "(no log)"


def _words_of(returncode: int) -> str:
    return f"signal {-returncode}" if returncode < 0 else f"exit status {returncode}"


def _ending_with_us() -> list[str]:
    """Where the kernel offers it, a child is told to end when the supervisor itself is killed by SIGKILL."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return []
    probe = subprocess.run([setpriv, "--help"], capture_output=True, text=True, check=False)
    return [setpriv, "--pdeathsig", "TERM", "--"] if "--pdeathsig" in probe.stdout else []
