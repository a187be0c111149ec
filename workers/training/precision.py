"""Where bf16 is used: inside the two networks, through autocast, on CPU and CUDA alike."""

from contextlib import AbstractContextManager

import torch

from workers.training.config import Precision


def autocast(precision: Precision, device: torch.device) -> AbstractContextManager[None]:
    """bf16 autocast, or nothing for fp32. Penalties, losses, optimiser and averages stay outside, in fp32."""
    # No cast cache: a bf16 copy made under no_grad would be reused where gradients are wanted.
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16", cache_enabled=False)
