"""Where the time of rendering goes: seconds by step, summed over all threads of this process."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

STEPS = ("device", "wait", "encode", "upload")
"""device: the networks at work. wait: the device thread without a free place behind it. encode, upload: behind it."""


class Spent:
    """Seconds by step, ever growing. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seconds = dict.fromkeys(STEPS, 0.0)
        self._cpu_seconds = dict.fromkeys(STEPS, 0.0)

    @contextmanager
    def on(self, step: str) -> Iterator[None]:
        """What happens inside counts as `step`."""
        began_s, began_cpu_s = time.perf_counter(), time.thread_time()
        try:
            yield
        finally:
            with self._lock:
                self._seconds[step] += time.perf_counter() - began_s
                self._cpu_seconds[step] += time.thread_time() - began_cpu_s

    def seconds(self) -> Mapping[str, float]:
        """What was spent so far, by step."""
        with self._lock:
            return dict(self._seconds)

    def cpu_seconds(self) -> Mapping[str, float]:
        """What of it these threads themselves were at work, and not waiting for a core, a disk or a device."""
        with self._lock:
            return dict(self._cpu_seconds)
