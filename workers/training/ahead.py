"""Samples of the next step, made on threads while the device works on this one. Keyed samples make this safe."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")


class Ahead(Generic[T]):
    """Makes items by index; with threads, the batch that will be asked for next is already under way.

    threads: 0 makes items when they are asked for, which is right where the CPU itself trains.
    """

    def __init__(self, make: Callable[[int], T], *, threads: int) -> None:
        self._make = make
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="samples") if threads else None
        self._waiting: dict[int, Future[T]] = {}

    def take(self, indices: Sequence[int]) -> list[T]:
        """The items of these indices, in order. Raises what making one raised."""
        if self._pool is None:
            return [self._make(index) for index in indices]
        following = range(indices[-1] + 1, indices[-1] + 1 + len(indices))
        for index in (*indices, *following):
            if index not in self._waiting:
                self._waiting[index] = self._pool.submit(self._make, index)
        return [self._waiting.pop(index).result() for index in indices]
