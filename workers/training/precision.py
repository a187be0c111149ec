"""Where bf16 is used: inside the two networks, through autocast, on every device that computes it."""

from contextlib import AbstractContextManager

import torch

from workers.cascade.arithmetic import computes_bf16
from workers.training.config import Precision


def autocast(precision: Precision, device: torch.device) -> AbstractContextManager[None]:
    """bf16 autocast, or nothing for fp32. Penalties, losses, optimiser and averages stay outside, in fp32.

    A device without bf16 trains in fp32: slower by less than its reference path for bf16 would be.
    """
    # No cast cache: a bf16 copy made under no_grad would be reused where gradients are wanted.
    used = precision == "bf16" and computes_bf16(device)
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=used, cache_enabled=False)
