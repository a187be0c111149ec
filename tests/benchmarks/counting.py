"""Operations and bytes of what a network computes, layer by layer, seen as torch calls it.

Counted are convolutions and matrix products (attention as its two products): two operations for each product that is
summed, and each layer's input, output and weights once, at the type in which they are handed over. Element-wise
functions, copies, noise and conversions count as nothing: an ideal machine does them on the way.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten
CONVOLUTIONS = (aten.conv2d, aten.convolution)
PRODUCTS = (aten.mm, aten.addmm, aten.bmm, aten.linear, aten.matmul)
ATTENTIONS = (
    aten.scaled_dot_product_attention,
    aten._scaled_dot_product_flash_attention_for_cpu,
    aten._scaled_dot_product_flash_attention,
    aten._scaled_dot_product_efficient_attention,
    aten._scaled_dot_product_cudnn_attention,
)


@dataclass(frozen=True)
class Layer:
    """One product of two tensors, `times` over: shapes as words, operations and bytes of each."""

    name: str
    operations: int
    moved_bytes: int
    dtype: torch.dtype

    def floor_s(self, peaks: "Peaks") -> float:
        """No machine with these peaks is quicker."""
        return max(self.operations / peaks.operations(self.dtype), self.moved_bytes / peaks.bytes_a_s)


@dataclass(frozen=True)
class Peaks:
    """What a device was seen to reach: operations a second in float32 and bfloat16, bytes a second."""

    fp32: float
    bf16: float
    bytes_a_s: float

    def operations(self, dtype: torch.dtype) -> float:
        return self.bf16 if dtype in (torch.bfloat16, torch.float16) else self.fp32


class _Counting(TorchDispatchMode):  # type: ignore[no-untyped-call]
    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.layers: Counter[Layer] = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        found = func(*args, **(kwargs or {}))
        packet = func.overloadpacket
        if packet in CONVOLUTIONS:
            self._count("conv", args[0], args[1], found)
        elif packet in PRODUCTS:
            first, second = (args[1], args[2]) if packet is aten.addmm else (args[0], args[1])
            self._count("product", first, second, found, summed=first.shape[-1])
        elif packet in ATTENTIONS:
            self._attention(args, found if isinstance(found, Tensor) else found[0])
        return found

    def _count(self, kind: str, given: Tensor, weight: Tensor, found: Tensor, *, summed: int = 0) -> None:
        each = summed or weight[0].numel()
        name = f"{kind} {_shape(given)} · {_shape(weight)}"
        self.layers[Layer(name, 2 * found.numel() * each, _bytes(given, weight, found), given.dtype)] += 1

    def _attention(self, args: Sequence[Tensor], found: Tensor) -> None:
        query, key, value = args[:3]
        places = query.numel() // query.shape[-1] * key.shape[-2]
        operations = 2 * places * (query.shape[-1] + value.shape[-1])
        moved = _bytes(query, key, value, found)
        self.layers[Layer(f"attention {_shape(query)}", operations, moved, query.dtype)] += 1


@contextmanager
def counted() -> Iterator[Counter[Layer]]:
    """What is computed inside, each layer and how often."""
    with _Counting() as counting:
        yield counting.layers


def _bytes(*tensors: Tensor) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _shape(tensor: Tensor) -> str:
    return "x".join(str(side) for side in tensor.shape)
