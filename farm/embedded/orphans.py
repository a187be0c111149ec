"""Processes that outlive the child that started them: found by their session, so that none is left."""

import contextlib
import os
import signal
import time
from collections.abc import Collection
from pathlib import Path

PATIENCE_S = 11.0
"""A training process ends by itself within ten seconds of its launcher's death."""


def members_of(sessions: Collection[int]) -> list[int]:
    """Living processes of these sessions. Needs /proc: elsewhere than on Linux none is found."""
    return [
        int(entry.name) for entry in Path("/proc").glob("[0-9]*") if _session_of(entry) in sessions and _lives(entry)
    ]


def end_members(sessions: Collection[int], *, patience_s: float = PATIENCE_S) -> int:
    """Wait until every process of these sessions has ended by itself; after `patience_s`, kill. Answers how many."""
    deadline_s, killed = time.monotonic() + patience_s, 0
    while members := members_of(sessions):
        if time.monotonic() > deadline_s:
            killed += len(members)
            for pid in members:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
    return killed


def _session_of(entry: Path) -> int | None:
    try:
        return os.getsid(int(entry.name))
    except (ProcessLookupError, PermissionError):
        return None


def _lives(entry: Path) -> bool:
    """False for a zombie: it has ended, and only waits for its parent to notice."""
    try:
        return entry.joinpath("stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (OSError, IndexError):
        return False
