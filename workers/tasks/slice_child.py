"""The training process as its task sees it: started, listened to, asked to end, and never left behind."""

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextvars import copy_context
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any

_log = logging.getLogger(__name__)

Event = Mapping[str, Any]

SAID_AT_ONCE_BYTES = 100_000
LINE_CHARS = 500
"""Of a line it writes that is no event, so much goes into our log."""


class SliceChild:
    """One `workers.training.slice_process` in a process group of its own. Leaving the context kills what is left.

    It stays in our session, watches our process id, and ends itself when we are gone. ranks: so many of them share the
    slice, started by torchrun.
    """

    def __init__(self, slice_file: Path, *, log: Path, ranks: int = 1) -> None:
        self._slice_file, self._log_file, self._ranks = slice_file, log, ranks
        self._events: SimpleQueue[Event | None] = SimpleQueue()
        self._process: subprocess.Popen[str] | None = None
        self._told = 0

    def __enter__(self) -> "SliceChild":
        with self._log_file.open("ab") as errors:
            self._told = errors.tell()
            self._process = subprocess.Popen(
                [sys.executable, *self._launcher(), "-m", "workers.training.slice_process", str(self._slice_file)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                process_group=0,
            )
        arguments = (self._listen, self._process)
        threading.Thread(target=copy_context().run, args=arguments, name="slice", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def _launcher(self) -> list[str]:
        """torchrun on this machine, without restarts: the farm begins a slice again by itself."""
        if self._ranks == 1:
            return []
        return ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={self._ranks}", "--max-restarts=0"]

    @property
    def pid(self) -> int:
        """Its process id, which is its group's too."""
        return self._running().pid

    def events(self, *, pause_s: float) -> Iterator[Event | None]:
        """What it says, line by line, until it ends; None whenever it was silent for `pause_s`."""
        while True:
            self._pass_on()
            try:
                event = self._events.get(timeout=pause_s)
            except Empty:
                yield None
                continue
            if event is None:
                self._pass_on(ended=True)
                return
            yield event

    def ask_to_end(self) -> None:
        """SIGTERM: it finishes its step, writes the checkpoint and ends."""
        process = self._running()
        if process.poll() is None:
            process.terminate()

    def kill(self) -> None:
        """SIGKILL to its group, and wait until it is gone."""
        process = self._running()
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            _log.debug("the training process had ended")
        process.wait()

    def wait(self) -> int:
        """Its exit status; negative is the signal that ended it."""
        return self._running().wait()

    def last_words(self) -> str:
        """The end of what it wrote to standard error, in one line."""
        lines = self._log_file.read_text(errors="replace").strip().splitlines()
        return lines[-1][:500] if lines else "it said nothing"

    def _pass_on(self, *, ended: bool = False) -> None:
        """The whole lines it wrote to standard error since the last time go into our own log."""
        with self._log_file.open("rb") as errors:
            errors.seek(self._told)
            said = errors.read(SAID_AT_ONCE_BYTES)
        if not ended and len(said) < SAID_AT_ONCE_BYTES:
            said = said[: said.rfind(b"\n") + 1]
        self._told += len(said)
        for line in said.decode(errors="replace").splitlines():
            if line.strip():
                _log.warning("training said: %s", line[:LINE_CHARS])

    def _running(self) -> "subprocess.Popen[str]":
        if self._process is None:
            raise RuntimeError("the training process was not started")
        return self._process

    def _listen(self, process: "subprocess.Popen[str]") -> None:
        with process.stdout or contextlib.nullcontext(()) as lines:
            for line in lines:
                try:
                    event = json.loads(line)
                except ValueError:
                    _log.warning("training said: %s", line.strip()[:LINE_CHARS])
                    continue
                self._events.put(event if isinstance(event, dict) else {"event": "unknown"})
        self._events.put(None)
