"""The base's judge at work: small portraits in, one score each out, by canonical calls like every stage's.

A score is the discriminator's logit, in no unit: it was taught to be larger for photographs than for the base's own
portraits (Huang et al. 2025, eq. 2, pairs a photograph with a portrait), so only differences mean anything, and only
between scores of one judge.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import nn

from farm.errors import InvalidInput
from workers.cascade.canonical import canonical
from workers.cascade.config import JudgeConfig
from workers.cascade.pixels import Picture, tensor_of, to_float
from workers.cascade.stage import batched, padding


class Judge:
    """Scores 8-bit pictures of the base's size. A picture's score does not depend on its company in a call."""

    def __init__(self, network: nn.Module, config: JudgeConfig, *, size_px: int, device: torch.device) -> None:
        self.config = config
        self.size_px = size_px
        self.device = device
        self.network = network.to(device=device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]

    def scores(self, pictures: Iterable[Picture]) -> Iterator[float]:
        """One score a picture uint8 [size_px, size_px, 3], in order, as each micro-batch is done.

        Raises InvalidInput for another size, OutOfMemory when the device is too small.
        """
        for group in batched(pictures, self.config.call.micro_batch):
            yield from self._call(group)

    def _call(self, group: Sequence[Picture]) -> list[float]:
        for picture in group:
            if picture.shape != (self.size_px, self.size_px, 3):
                raise InvalidInput(f"the judge scores {self.size_px} px, not {picture.shape[1]} x {picture.shape[0]}")
        padded = padding([tensor_of(picture) for picture in group], self.config.call.micro_batch)
        with canonical(self.config.call, self.device):
            logits = self.network(to_float(torch.stack(padded).to(self.device)))
        return [float(logit) for logit in logits[: len(group)].cpu()]
