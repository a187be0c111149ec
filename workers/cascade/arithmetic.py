"""Where bfloat16 is computed, and where it is only held.

A processor without bfloat16 in its instructions still gives bfloat16 results, through a reference path: on an AVX2
machine a product took 430 times as long as in float32, a convolution 16 times (`docs/decisions/0025`).
"""

from __future__ import annotations

import torch
from torch import Tensor


def computes_bf16(device: torch.device) -> bool:
    """Whether `device` has kernels for bfloat16. Where not, what is asked for in bf16 is computed in float32.

    On a CPU oneDNN's kernels want AVX-512; torch names the set it chose, not those kernels.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return str(torch.backends.cpu.get_cpu_capability()).startswith("AVX512")


def at_least_fp32(x: Tensor) -> Tensor:
    """The same values in float32; float64, which only checks use, stays."""
    return x if x.dtype == torch.float64 else x.float()
