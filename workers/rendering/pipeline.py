"""Generator → encoders → uploads → outcomes in order, each on its own threads, so that the device never waits.

Threads: one drives the device, `encoders` make PNG bytes, `uploads` wait for storage; the caller's thread only
collects. All the heavy calls (torch, NumPy, ISA-L, sha256, sockets) leave the interpreter's lock while they work. One
encoder keeps up with about 120 portraits of 1024 px a second, so a CPU worker needs one, and a GPU one for every
hundred portraits a second. On a CPU worker the encoder takes its share from torch's threads: 8 ms a portrait.

Memory: pictures between the device and storage never hold more than `in_flight_bytes`. When storage is slow, the
device waits for a free place instead of filling memory; `spent` says how long.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from contextvars import copy_context
from dataclasses import dataclass
from queue import SimpleQueue

from farm.errors import Unavailable
from farm.recipe import Recipe
from workers.cascade.memory import as_out_of_memory
from workers.rendering.guilty import Picture, Render, pictures
from workers.rendering.outcomes import Failed, Outcome, Rendered, StoredObject, words
from workers.rendering.png import encode_png
from workers.rendering.spent import Spent

Store = Callable[[Recipe, bytes], StoredObject]
"""Puts a recipe's file under its key, once, and says what lies there. May be called from several threads."""

_POLL_S = 0.05
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Threads:
    """How many threads encode and upload, and how many bytes of pictures may be on their way."""

    encoders: int = 2
    uploads: int = 4
    in_flight_bytes: int = 512 << 20

    def places(self, recipes: Sequence[Recipe]) -> int:
        """Pictures that may be on their way at once: each is its pixels and, at worst, a file as large."""
        largest = max((recipe.size_px for recipe in recipes), default=1)
        return max(2, min(256, self.in_flight_bytes // (6 * largest**2)))


class Pipeline:
    """Renders, encodes and stores recipes. One `run` at a time; the object holds no thread between runs.

    render: pictures of recipes (`Cascade.render`). store: where files go. notes: text written into every file beside
    its recipe, at least the render class. told: what is to be said of one portrait beside that, known when it is
    painted.
    """

    def __init__(
        self,
        *,
        render: Render,
        store: Store,
        notes: Mapping[str, str],
        told: Callable[[Recipe], Mapping[str, str]] = lambda _: {},
        threads: Threads = Threads(),
        spent: Spent | None = None,
    ) -> None:
        """spent: where the seconds of each step are counted."""
        self.spent = spent or Spent()
        self._render = render
        self._store = store
        self._notes = dict(notes)
        self._told = told
        self._threads = threads

    def run(
        self, recipes: Sequence[Recipe], *, stop: threading.Event, wanted: Callable[[], int] | None = None
    ) -> Iterator[Outcome]:
        """One outcome for each recipe, in order, each once its file is stored.

        Ends early, with every outcome up to where it ended, when `stop` is set or `wanted()` (how many of the first
        recipes are still asked for) is reached; both are looked at before each picture, so a micro-batch is the most
        that is thrown away. Leaving the iterator early stops all threads.
        Raises what is no single recipe's fault, after the outcomes before it: Unavailable from storage, OutOfMemory
        or WorkFailed from the device.
        """
        flow = _Flow(self._threads.places(recipes), stop, wanted or (lambda: len(recipes)))
        with ExitStack() as closing:
            # Left in the opposite order: no thread hands work to one that is gone.
            uploads = closing.enter_context(_pool(self._threads.uploads, "upload"))
            encoders = closing.enter_context(_pool(self._threads.encoders, "encode"))
            device = closing.enter_context(_pool(1, "device"))
            closing.callback(flow.abandon)
            driver = device.submit(self._drive, recipes, flow, _Stages(encoders, uploads))
            while (unit := flow.units.get()) is not None:
                yield unit.result()
            driver.result()

    def _drive(self, recipes: Sequence[Recipe], flow: "_Flow", stages: "_Stages") -> None:
        """The device thread: takes a place, then a picture, and hands it on. Ends the units' queue, however it ends."""
        made = pictures(self._render, recipes)
        try:
            for index, recipe in enumerate(recipes):
                with self.spent.on("wait"):
                    free = flow.enter(index)
                if not free:
                    return
                with self.spent.on("device"):
                    picture = next(made)
                self._begin(_Unit(index, recipe), picture, flow=flow, stages=stages)
        finally:
            made.close()
            flow.units.put(None)

    def _begin(self, unit: "_Unit", picture: Picture | Exception, *, flow: "_Flow", stages: "_Stages") -> None:
        unit.outcome.add_done_callback(flow.leave)
        flow.units.put(unit.outcome)
        if isinstance(picture, Exception):
            unit.fail(picture)
        else:
            stages.encoders.submit(self._encode, unit, picture, stages)

    def _encode(self, unit: "_Unit", picture: Picture, stages: "_Stages") -> None:
        try:
            with self.spent.on("encode"):
                body = encode_png(picture, text={**self._notes, **self._told(unit.recipe), "recipe": unit.recipe.text})
            stages.uploads.submit(self._upload, unit, body)
        except Exception as error:  # noqa: BLE001 - this unit's outcome, recorded
            unit.fail(error)

    def _upload(self, unit: "_Unit", body: bytes) -> None:
        try:
            with self.spent.on("upload"):
                stored = self._store(unit.recipe, body)
        except Exception as error:  # noqa: BLE001 - this unit's outcome or the store's state, recorded
            unit.fail(error)
        else:
            unit.succeed(stored)


def _pool(threads: int, name: str) -> ThreadPoolExecutor:
    """Threads that know what the caller knows of its work, so that their log lines name it."""
    here = copy_context()

    def adopt() -> None:
        for variable, value in here.items():
            variable.set(value)

    return ThreadPoolExecutor(threads, name, initializer=adopt)


@dataclass(frozen=True)
class _Stages:
    encoders: ThreadPoolExecutor
    uploads: ThreadPoolExecutor


class _Unit:
    """One recipe on its way."""

    def __init__(self, index: int, recipe: Recipe) -> None:
        self.index = index
        self.recipe = recipe
        self.outcome: Future[Outcome] = Future()

    def succeed(self, stored: StoredObject) -> None:
        made = Rendered(
            index=self.index,
            recipe=self.recipe.digest,
            key=stored.key,
            sha256=stored.sha256,
            size_bytes=stored.size_bytes,
        )
        self.outcome.set_result(made)

    def fail(self, error: Exception) -> None:
        """Records the error; a store that does not answer, or too little memory, is nobody's fault and ends the run."""
        ends = error if isinstance(error, Unavailable) else as_out_of_memory(error, "a portrait's file")
        if ends is not None:
            self.outcome.set_exception(ends)
            return
        _log.warning("portrait %s failed: %s", self.recipe.digest[:12], words(error))
        self.outcome.set_result(Failed(index=self.index, recipe=self.recipe.digest, error=words(error)))


class _Flow:
    """The places between device and storage, the reasons to stop, and the units in order (None: no more)."""

    def __init__(self, places: int, stop: threading.Event, wanted: Callable[[], int]) -> None:
        self._places = threading.Semaphore(places)
        self._stop = stop
        self._wanted = wanted
        self._abandoned = threading.Event()
        self.units: SimpleQueue[Future[Outcome] | None] = SimpleQueue()

    def enter(self, index: int) -> bool:
        """Take a place for unit `index`; False when the run shall end before it."""
        free = self._places.acquire(timeout=0)
        while not free and not self._over(index):
            free = self._places.acquire(timeout=_POLL_S)
        return free and not self._over(index)

    def leave(self, unit: Future[Outcome]) -> None:
        """Give the place back; a store that does not answer stops the device."""
        self._places.release()
        if unit.exception() is not None:
            self.abandon()

    def abandon(self) -> None:
        self._abandoned.set()

    def _over(self, index: int) -> bool:
        return self._abandoned.is_set() or self._stop.is_set() or index >= self._wanted()
