"""What keeps a training process from outliving its launcher, and two of them from sharing a device."""

import ctypes
import fcntl
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from farm.errors import Conflict

WATCH_S = 1.0
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
ORPHANED = 3
"""Exit status of a process whose launcher is gone."""


@contextmanager
def device_lock(path: Path, *, wait_s: float = 15.0) -> Iterator[None]:
    """Hold the device's lock. The kernel frees it when the process ends, however it ends.

    Waits up to `wait_s`, because a predecessor may be dying just now. Raises Conflict if it is still held then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _acquire(descriptor, path, give_up_at=time.monotonic() + wait_s)
        yield
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, path: Path, *, give_up_at: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > give_up_at:
                raise Conflict(f"{path} is held: another training uses this device") from error
            time.sleep(0.2)
        else:
            return


def die_with(launcher_pid: int) -> None:
    """Start a thread that ends this process at once when the launcher is gone.

    A killed parent shows as another parent id, even while it is a zombie; another launcher as a vanished process. Whole
    steps are not waited for: nobody is left to take the checkpoint.
    """
    is_parent = os.getppid() == launcher_pid
    if is_parent:
        _let_the_kernel_kill_us_too()
    threading.Thread(target=_watch, args=(launcher_pid, is_parent), name="launcher-watch", daemon=True).start()


def _let_the_kernel_kill_us_too() -> None:
    """Linux ends us with our parent at once; on a busy machine the watching thread may need seconds to get its turn."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _watch(launcher_pid: int, is_parent: bool) -> None:
    while os.getppid() == launcher_pid if is_parent else _exists(launcher_pid):
        time.sleep(WATCH_S)
    os._exit(ORPHANED)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
