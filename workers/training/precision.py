"""Where bf16 is used: inside the two networks, through autocast, on every device that computes it."""

from contextlib import AbstractContextManager
from typing import Literal

import torch

from workers.cascade.arithmetic import computes_bf16

Precision = Literal["bf16", "fp32", "fp64"]


def weights_dtype(precision: Precision) -> torch.dtype:
    """What weights, penalties, losses and optimiser are held in. fp64 is for checking the others against."""
    return torch.float64 if precision == "fp64" else torch.float32


def autocast(precision: Precision, device: torch.device) -> AbstractContextManager[None]:
    """bf16 autocast, or nothing for fp32 and fp64. Penalties, losses, optimiser and averages stay outside, in fp32.

    A device without bf16 trains in fp32: slower by less than its reference path for bf16 would be.
    """
    return casting(casts(precision, device), device)


def casts(precision: Precision, device: torch.device) -> bool:
    """Whether networks of this precision compute in bf16 here."""
    return precision == "bf16" and computes_bf16(device)


def casting(used: bool, device: torch.device) -> AbstractContextManager[None]:
    """bf16 autocast if it is used, in a form that can be compiled: it asks the machine nothing."""
    # No cast cache: a bf16 copy made under no_grad would be reused where gradients are wanted.
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=used, cache_enabled=False)
