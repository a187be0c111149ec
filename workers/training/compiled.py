"""The judge's step: pairing loss, R1 and R2, and the gradients of every weight, compiled as one function where wanted.

torch.compile knows no double backward across its border: compiling the network alone fails, and versions existed that
were silently wrong. So the whole step is inside, both gradients with it (`trace_autograd_ops`), candidates are made
outside and only gradients and plain numbers come out. Before it is used it has to give eager's gradients.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from workers.training.losses import penalised_discriminator_loss

Scoring = Callable[[nn.Module, Tensor, Any], tuple[Tensor, Tensor]]
"""`judge, candidates [2N, 3, H, W], what it is told beside -> scores [2N, …], penalties [2N]`, photos first.

All that changes from step to step is in its arguments, and only as numbers in tensors.
"""
Gradients = tuple[Tensor, Tensor, tuple[Tensor, ...]]

REPORTED = ("judge_real", "judge_fake", "r1", "r2")
FP32_TOLERANCE = 1e-4
BF16_TOLERANCE = 5e-2
"""Largest distance of two gradients of one tensor, by its own length. Both only round differently."""
_SHAKE = 0.05


@dataclass(frozen=True, kw_only=True)
class Compiling:
    """say: told whether steps are compiled, and why not. tolerance: see FP32_TOLERANCE, BF16_TOLERANCE.

    backend: torch.compile's; one without a compiler of its own traces the same and saves nothing.
    """

    say: Callable[[str], None]
    tolerance: float = FP32_TOLERANCE
    backend: str = "inductor"


class JudgeStep:
    """`judge, candidates, told, gamma -> loss, report`; one for a whole slice.

    compiling: None for eager steps. Otherwise the step is compiled at the first call and checked there; if that fails,
    steps stay eager and `say` is told. The loss's backward gives the weights' gradients either way.
    """

    def __init__(self, scoring: Scoring, compiling: "Compiling | None" = None) -> None:
        self.scoring = scoring
        self.compiling = compiling
        self._checked = False
        self._fast: Any = None
        if compiling is not None:
            backend = compiling.backend
            self._fast = torch.compile(self._gradients, fullgraph=True, dynamic=False, backend=backend)

    def __call__(
        self, judge: nn.Module, candidates: Tensor, told: Any, *, gamma: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of pairs and penalties, scalar, and the scalars to log.

        candidates: float32, [2N, 3, H, W], photos first; they get a gradient of their own here.
        """
        candidates = candidates.detach().requires_grad_()
        dial = torch.tensor(gamma, dtype=candidates.dtype, device=candidates.device)
        if self.compiling is not None and not self._checked:
            self._check(self.compiling, judge, candidates, told, dial)
        if self._fast is None:
            loss, report = self._loss(judge, candidates, told, dial)
        else:
            value, report, gradients = _tracing(self._fast, judge, candidates, told, dial)
            loss = _Known.apply(value, gradients, *judge.parameters())  # type: ignore[no-untyped-call]
        return loss, dict(zip(REPORTED, report.detach(), strict=True))

    def _loss(self, judge: nn.Module, candidates: Tensor, told: Any, gamma: Tensor) -> tuple[Tensor, Tensor]:
        scores, penalties = self.scoring(judge, candidates, told)
        real, fake = scores.chunk(2)
        loss = penalised_discriminator_loss(real_logits=real, fake_logits=fake, penalties=penalties, gamma=gamma)
        r1, r2 = penalties.chunk(2)
        return loss, torch.stack([real.mean(), fake.mean(), r1.mean(), r2.mean()])

    def _gradients(self, judge: nn.Module, candidates: Tensor, told: Any, gamma: Tensor) -> Gradients:
        loss, report = self._loss(judge, candidates, told, gamma)
        gradients = torch.autograd.grad([loss], list(judge.parameters()))
        return loss.detach(), report.detach(), tuple(gradient.detach() for gradient in gradients)

    def _check(self, compiling: Compiling, judge: nn.Module, candidates: Tensor, told: Any, gamma: Tensor) -> None:
        """Compile, and compare with eager on shaken weights: zeros, with which a run starts, would hide most of it."""
        self._checked = True
        kept = [weight.detach().clone() for weight in judge.parameters()]
        try:
            _shake(judge)
            _, _, found = _tracing(self._fast, judge, candidates, told, gamma)
            _, _, wanted = self._gradients(judge, candidates, told, gamma)
            worst = farthest(found, wanted)
            problem = "" if worst <= compiling.tolerance else f"its gradients differ from eager's by {worst:.1e}"
        except (RuntimeError, OSError) as error:  # what torch.compile raises, a missing compiler and a full disk too
            problem = " ".join([*filter(None, str(error).splitlines()), type(error).__name__][:2])
        finally:
            _put_back(judge, kept)
        if problem:
            self._fast = None
        compiling.say(f"the judge's step is not compiled: {problem}" if problem else "the judge's step is compiled")


MakeJudgeStep = Callable[[Scoring], JudgeStep]


def farthest(found: Sequence[Tensor], wanted: Sequence[Tensor]) -> float:
    """The largest distance between two lists of gradients, each by the length of the wanted one; inf for NaN."""
    far = [(a - b).norm() / b.norm().clamp_min(torch.finfo(b.dtype).tiny) for a, b in zip(found, wanted, strict=True)]
    worst = float(torch.stack(far).max())
    return worst if worst == worst else float("inf")


def _tracing(work: Any, *arguments: Any) -> Any:
    with torch._dynamo.config.patch(trace_autograd_ops=True):
        return work(*arguments)


@torch.no_grad()
def _shake(judge: nn.Module) -> None:
    random = torch.Generator().manual_seed(0)
    for weight in judge.parameters():
        weight.add_(_SHAKE * torch.randn(weight.shape, generator=random).to(weight))


@torch.no_grad()
def _put_back(judge: nn.Module, kept: Sequence[Tensor]) -> None:
    for weight, before in zip(judge.parameters(), kept, strict=True):
        weight.copy_(before)


class _Known(torch.autograd.Function):
    """A number whose gradients are known: its backward hands them to the weights."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, gradients: Sequence[Tensor], *_weights: Tensor) -> Tensor:
        ctx.save_for_backward(*gradients)
        return value.clone()

    @staticmethod
    def backward(ctx: Any, outer: Tensor) -> Any:
        return (None, None, *(outer * gradient for gradient in ctx.saved_tensors))
