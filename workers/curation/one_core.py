"""Judging a photo takes one core: a worker has one task at a time, and a machine as many workers as cores."""

import contextlib
import functools
from collections.abc import Iterator

import cv2
from threadpoolctl import ThreadpoolController


@contextlib.contextmanager
def one_core() -> Iterator[None]:
    """A block in which OpenCV and numpy's products use one thread.

    A product of a millisecond wakes a thread on every core and leaves it waiting for more: beside other work the gates
    then took seven times the processor time.
    """
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with _products().limit(limits=1, user_api="blas"):
            yield
    finally:
        cv2.setNumThreads(threads)


@functools.cache
def _products() -> ThreadpoolController:
    """The libraries loaded by now: finding them takes longer than judging."""
    return ThreadpoolController()
