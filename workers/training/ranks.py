"""Ranks: the processes that share every batch of a run. One process is one rank, and the same code.

Nothing in a network looks across samples and all randomness is keyed by the image's index in the whole run, so a rank
takes its part of the batch and only gradients, logged means and wishes are shared. Gradients are averaged here and not
by DistributedDataParallel: its hooks know one backward pass a step, and a step here has two networks and a penalty that
is itself a gradient (`docs/decisions/0032`).
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta

import torch
from torch import Tensor, distributed

from farm.errors import Unavailable

PATIENCE_S = 120.0
"""How long a rank waits for the others: as long as one may need for a checkpoint or its sample sheet."""


class Ranks:
    """This process's place among `world`; gradients and scalars averaged over all of them."""

    def __init__(self, rank: int = 0, world: int = 1, *, device: torch.device) -> None:
        self.rank, self.world, self.device = rank, world, device

    @property
    def first(self) -> bool:
        """Whether this rank writes checkpoints and tells of the run."""
        return self.rank == 0

    def share(self, batch: Sequence[int]) -> Sequence[int]:
        """This rank's part of a batch's image indices; all parts are equally long."""
        part = len(batch) // self.world
        return batch[self.rank * part : (self.rank + 1) * part]

    def mean_gradients(self, gradients: Sequence[Tensor]) -> None:
        """Every gradient becomes its mean over the ranks, in one message."""
        if self.world == 1 or not gradients:
            return
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        self._sum(flat)
        flat /= self.world
        for gradient, mean in zip(gradients, torch.split(flat, [g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))

    def means(self, scalars: Mapping[str, Tensor]) -> dict[str, float]:
        """The scalars' means over the ranks."""
        values = torch.stack([value.double() for value in scalars.values()])
        if self.world > 1:
            self._sum(values)
            values /= self.world
        return dict(zip(scalars, values.tolist(), strict=True))

    def any(self, here: bool) -> bool:
        """Whether it is so on any rank."""
        if self.world == 1:
            return here
        flag = torch.tensor([float(here)], device=self.device)
        self._sum(flag)
        return bool(flag.item() > 0)

    @contextmanager
    def first_alone(self) -> Iterator[None]:
        """The first rank does it before the others: what it made, they find."""
        if not self.first:
            self.any(False)
        yield
        if self.first:
            self.any(False)

    def _sum(self, values: Tensor) -> None:
        try:
            distributed.all_reduce(values)
        except RuntimeError as error:  # both gloo and NCCL tell a lost peer by this class
            raise Unavailable(f"rank {self.rank} lost the others: {error}") from error


@contextmanager
def joined(device: torch.device) -> Iterator[Ranks]:
    """This process's ranks: as torchrun's environment says, or itself alone.

    Raises Unavailable when the others do not come.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield Ranks(device=device)
        return
    try:
        distributed.init_process_group(
            "nccl" if device.type == "cuda" else "gloo", timeout=timedelta(seconds=PATIENCE_S)
        )
    except (RuntimeError, ValueError) as error:
        raise Unavailable(f"the ranks did not meet: {error}") from error
    try:
        yield Ranks(distributed.get_rank(), world, device=device)
    finally:
        distributed.destroy_process_group()


def local_rank() -> int:
    """Which of this machine's ranks this process is."""
    return int(os.environ.get("LOCAL_RANK", "0"))
