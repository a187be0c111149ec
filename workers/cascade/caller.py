"""How a stage's calls reach its device: on a CPU as they are, on CUDA as recorded graphs, with copies nobody waits for.

A small network's call is hundreds of kernels of some microseconds each; launched one by one the device waits for
Python between them. A CUDA graph launches the very same kernels at once, so it changes no bit (`torch.compile` would:
it fuses, and rounds less often). Results are copied to pinned memory beside the next call, which is begun before they
are fetched. Not yet run on a GPU: `tests/workers/cascade/test_caller.py` has the test for one.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from workers.cascade.canonical import canonical
from workers.cascade.config import CanonicalCall
from workers.cascade.pixels import Picture, picture_of

Item = TypeVar("Item")
Function = Callable[..., Tensor]

MAX_GRAPHS = 4
"""Recorded at most for one stage: its guide and its painter, and pictures of another shape. Each keeps its memory."""


class Caller:
    """Calls functions of tensors as a stage's canonical calls say. ``usual``: the call worth recording."""

    def __init__(self, usual: CanonicalCall, device: torch.device) -> None:
        self.device = device
        self._usual = usual
        self._graphs: OrderedDict[object, _Graph] = OrderedDict()
        self._copies = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]

    def __call__(self, call: CanonicalCall, function: Function, *inputs: Tensor) -> Tensor:
        """``function(*inputs)``, on the device. On CUDA it returns before the work is done.

        The function must depend on nothing but its inputs and the weights, and may not wait for the device.
        """
        moved = [self._moved(each) for each in inputs]
        with canonical(call, self.device):
            if self._copies is None or call != self._usual:
                return function(*moved)
        return self._recorded(call, function, moved)

    def fetch(self, pixels: Tensor) -> Landing:
        """Begin to bring uint8 [N, 3, H, W] to the host."""
        if self._copies is None:
            return Landing(pixels, None)
        laid = pixels.permute(0, 2, 3, 1).contiguous()
        self._copies.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(self._copies):
            host = torch.empty(laid.shape, dtype=torch.uint8, pin_memory=True)
            host.copy_(laid, non_blocking=True)
            arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
            arrived.record()
        laid.record_stream(self._copies)
        return Landing(host.permute(0, 3, 1, 2), arrived)

    def ahead(self, begun: Iterable[Item]) -> Iterator[Item]:
        """The items in order; on CUDA each only after the next one was begun, so that the device has work meanwhile."""
        return one_ahead(begun) if self._copies is not None else iter(begun)

    def _moved(self, tensor: Tensor) -> Tensor:
        """Pinned first: a copy from ordinary memory waits for all work before it."""
        if self._copies is None or tensor.device.type == "cuda":
            return tensor.to(self.device)
        return tensor.pin_memory().to(self.device, non_blocking=True)

    def _recorded(self, call: CanonicalCall, function: Function, inputs: list[Tensor]) -> Tensor:
        key = (function, *((each.shape, each.dtype) for each in inputs))
        if key not in self._graphs:
            if len(self._graphs) == MAX_GRAPHS:
                self._graphs.popitem(last=False)
            self._graphs[key] = _Graph(call, function, inputs)
        self._graphs.move_to_end(key)
        return self._graphs[key](inputs)


class Landing:
    """Pixels on their way to the host."""

    def __init__(self, pixels: Tensor, arrived: torch.cuda.Event | None) -> None:
        self._pixels = pixels
        self._arrived = arrived

    def picture(self, index: int, rows: slice = slice(None), columns: slice = slice(None)) -> Picture:
        """A part of one of them, uint8 [H, W, 3]; waits until it is there."""
        part = self._pixels[index, :, rows, columns]
        if self._arrived is None:
            return picture_of(part)
        self._arrived.synchronize()
        picture: Picture = np.ascontiguousarray(part.permute(1, 2, 0).numpy())
        return picture


class _Graph:
    """One function with inputs of one shape, recorded."""

    def __init__(self, call: CanonicalCall, function: Function, inputs: list[Tensor]) -> None:
        device = inputs[0].device
        self._inputs = [each.clone() for each in inputs]
        aside = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(aside), canonical(call, device):
            function(*self._inputs)  # libraries take their workspaces now: nothing may while it is recorded
        torch.cuda.current_stream(device).wait_stream(aside)
        self._graph = torch.cuda.CUDAGraph()
        # A canonical block of its own: weights that autocast rounded outside of the record would be gone at its end.
        recording = torch.cuda.graph(self._graph, capture_error_mode="thread_local")
        with torch.cuda.device(device), canonical(call, device), recording:
            self._output = function(*self._inputs)

    def __call__(self, inputs: list[Tensor]) -> Tensor:
        """The function of other inputs; a copy, since the next call writes to the same memory."""
        for mine, given in zip(self._inputs, inputs, strict=True):
            mine.copy_(given)
        self._graph.replay()
        return self._output.clone()


def one_ahead(begun: Iterable[Item]) -> Iterator[Item]:
    """The items in order, each when the next one was taken."""
    waiting: deque[Item] = deque()
    for item in begun:
        waiting.append(item)
        if len(waiting) > 1:
            yield waiting.popleft()
    yield from waiting
