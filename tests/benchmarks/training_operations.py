"""Operations of a training step, backward and double backward included, as torch calls them.

Two for each product that is summed, in convolutions (each of a backward's gradients is as much as the forward) and
matrix products. The double backward of a convolution is two more convolutions, which are seen like any other.
"""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten


@dataclass(frozen=True)
class Operations:
    """By kind of call."""

    by_kind: Counter[str]

    @property
    def total(self) -> int:
        return sum(self.by_kind.values())


class _Counting(TorchDispatchMode):  # type: ignore[no-untyped-call]
    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.by_kind: Counter[str] = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        if func not in _COUNTS:
            # What torch composes of other calls is counted as those.
            with self:
                taken_apart = func.decompose(*args, **(kwargs or {}))
            if taken_apart is not NotImplemented:
                return taken_apart
        found = func(*args, **(kwargs or {}))
        if func in _COUNTS:
            self.by_kind[str(func.overloadpacket.__name__)] += 2 * _COUNTS[func](args, found)
        return found


def _convolution(args: Any, found: Tensor) -> int:
    given, weight, transposed = args[0], args[1], args[6]
    return int((given if transposed else found).numel() * weight[0].numel())


def _backward(args: Any, _: Any) -> int:
    outer, given, weight, transposed, wanted = args[0], args[1], args[2], args[7], args[10]
    each = (given if transposed else outer).numel() * weight[0].numel()
    return int(each * (wanted[0] + wanted[1]))


def _product(first: int) -> Callable[[Any, Any], int]:
    return lambda args, found: int(math.prod(found.shape) * args[first].shape[-1])


_COUNTS: dict[Any, Callable[[Any, Any], int]] = {
    aten.convolution.default: _convolution,
    aten.convolution_backward.default: _backward,
    aten.mm.default: _product(0),
    aten.bmm.default: _product(0),
    aten.addmm.default: _product(1),
    aten.baddbmm.default: _product(1),
}


def operations(work: Callable[[], object]) -> Operations:
    """What `work` computes."""
    with _Counting() as counting:
        work()
    return Operations(counting.by_kind)
