"""The running average of the generator: what samples, pools and cascades are made of."""

import copy

import torch
from torch import nn


def averaged_copy(network: nn.Module) -> nn.Module:
    """A frozen copy in fp32, to be moved by `move_average`."""
    average = copy.deepcopy(network).eval()
    return average.requires_grad_(False)


@torch.no_grad()
def move_average(average: nn.Module, network: nn.Module, *, decay: float) -> None:
    """average <- decay * average + (1 - decay) * network, parameter by parameter; buffers are copied."""
    for slow, fast in zip(average.parameters(), network.parameters(), strict=True):
        slow.lerp_(fast.detach(), 1.0 - decay)
    for kept, current in zip(average.buffers(), network.buffers(), strict=True):
        kept.copy_(current)
