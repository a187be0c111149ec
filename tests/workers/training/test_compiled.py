"""The compiled judge's step has eager's gradients, whatever the weights, and is not used where it has not."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.workers.training.slices import run_here
from workers.cascade.config import UpscalerConfig
from workers.cascade.discriminator import base_judge
from workers.training import compiled
from workers.training.augment import AugmentDraw, DrawKey, draw
from workers.training.compiled import BF16_TOLERANCE, FP32_TOLERANCE, Compiling, JudgeStep, farthest
from workers.training.losses import gradient_penalty
from workers.training.patch_judge import PatchJudge
from workers.training.precision import casting
from workers.training.presets import run_config
from workers.training.upscaler_lesson import patch_penalty

# torch's own, of its own parts.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
PAIRS = 3
Scored = tuple[Tensor, Tensor]


@pytest.fixture(autouse=True)
def _compiled_afresh() -> Iterator[None]:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def score(judge: nn.Module, pictures: Tensor, spoiling: AugmentDraw) -> Scored:
    logits = judge(spoiling.apply(pictures))
    return logits, gradient_penalty(logits, pictures)


def score_in_bf16(judge: nn.Module, pictures: Tensor, spoiling: AugmentDraw) -> Scored:
    """The judge in bf16, its penalty in fp32, as in a base's lesson."""
    with casting(True, pictures.device):
        logits = judge(spoiling.apply(pictures))
    return logits, gradient_penalty(logits, pictures)


def score_plainly_in_bf16(judge: nn.Module, pictures: Tensor, told: None) -> Scored:
    with casting(True, pictures.device):
        scores = judge(pictures).float().flatten(1).sum(1)
    (gradient,) = torch.autograd.grad([scores.sum()], [pictures], create_graph=True)
    return scores, gradient.square().flatten(1).sum(1)


def score_plainly(judge: nn.Module, pictures: Tensor, _: None) -> Scored:
    """Without augmentation."""
    scores = judge(pictures).flatten(1).sum(1)
    (gradient,) = torch.autograd.grad([scores.sum()], [pictures], create_graph=True)
    return scores, gradient.square().flatten(1).sum(1)


def score_patches(judge: nn.Module, pictures: Tensor, told: tuple[Tensor, Tensor, Tensor]) -> Scored:
    scores = judge(pictures, *told)
    return scores, patch_penalty(scores, pictures)


def trained(judge: nn.Module) -> nn.Module:
    """No weight is zero, as none is after some steps."""
    with torch.no_grad():
        for weight in judge.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    return judge.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def base(size_px: int) -> tuple[nn.Module, Tensor, AugmentDraw]:
    torch.manual_seed(0)
    preset = run_config("smoke-base-16", dataset="none@1", seed=0)
    network = replace(preset.network, size_px=size_px, widths=(16, 8, 8, 8)[: size_px.bit_length() - 2])
    judge = trained(base_judge(network, network.widths[:-1]))  # type: ignore[arg-type, union-attr]
    key = DrawKey(run_seed=1, purpose="test", indices=tuple(range(PAIRS)))
    spoiling = draw(preset.augment, key=key, p=0.8, size_px=size_px).twice()
    return judge, torch.randn(2 * PAIRS, 3, size_px, size_px), spoiling


def gradients(step: JudgeStep, judge: nn.Module, candidates: Tensor, told: Any, gamma: float) -> list[Tensor]:
    """Of the loss and of every weight, as the loop gets them."""
    judge.zero_grad()
    loss, report = step(judge, candidates, told, gamma=gamma)
    loss.backward()  # type: ignore[no-untyped-call]
    assert set(report) == {"judge_real", "judge_fake", "r1", "r2"}
    found = [weight.grad for weight in judge.parameters() if weight.grad is not None]
    assert len(found) == len(list(judge.parameters()))
    return [loss.detach(), *report.values(), *(gradient.clone() for gradient in found)]


def through_two_steps(
    scoring: Any, judge: nn.Module, candidates: Tensor, told: Any, *, backend: str, tolerance: float = FP32_TOLERANCE
) -> float:
    """The farthest the compiled step is from eager's, before and after the weights changed."""
    said: list[str] = []
    fast = JudgeStep(scoring, Compiling(say=said.append, backend=backend, tolerance=tolerance))
    eager = JudgeStep(scoring)
    worst = []
    for turn in range(2):
        pictures = candidates * (1.0 + turn)
        found = gradients(fast, judge, pictures, told, 0.7 + turn)
        worst.append(farthest(found, gradients(eager, judge, pictures, told, 0.7 + turn)))
        with torch.no_grad():
            for weight in judge.parameters():
                weight.add_(0.05 * torch.randn_like(weight))
    assert said == ["the judge's step is compiled"]
    return max(worst)


@pytest.mark.parametrize("size_px", [16, 32])
def test_traced_with_its_double_backward_the_step_has_eagers_gradients(size_px: int) -> None:
    assert through_two_steps(score, *base(size_px), backend="aot_eager") < 1e-5


def test_traced_in_double_precision_the_step_has_eagers_gradients_to_the_last_digits() -> None:
    judge, candidates, spoiling = base(16)
    assert through_two_steps(score, judge.double(), candidates.double(), spoiling, backend="aot_eager") < 1e-12


def test_traced_in_bf16_the_step_has_eagers_gradients() -> None:
    judge, candidates, spoiling = base(16)
    cast, plain = (JudgeStep(scoring) for scoring in (score_in_bf16, score))
    apart = farthest(*(gradients(step, judge, candidates, spoiling, 1.0) for step in (cast, plain)))
    assert 1e-3 < apart < 1, "this is bf16"
    assert through_two_steps(score_in_bf16, judge, candidates, spoiling, backend="aot_eager") < 1e-5


def test_a_patch_judges_step_too() -> None:
    torch.manual_seed(0)
    preset = run_config("smoke-up-32", dataset="none@1", seed=0)
    assert isinstance(preset.network, UpscalerConfig)
    judge = trained(PatchJudge(preset.network, widths=preset.judge_widths))
    told = (torch.randn(2 * PAIRS, 3, 16, 16), torch.randn(2 * PAIRS, 2), torch.ones(2 * PAIRS))
    candidates = torch.randn(2 * PAIRS, 3, 16, 16)
    assert through_two_steps(score_patches, judge, candidates, told, backend="aot_eager") < 1e-5


def small() -> tuple[nn.Module, Tensor]:
    """One hidden layer: what a compiler of C++ does in seconds. No last bias: pairing leaves it no gradient."""
    torch.manual_seed(0)
    judge = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.LeakyReLU(0.2), nn.Conv2d(8, 1, 3, bias=False))
    return trained(judge), torch.randn(2 * PAIRS, 3, 8, 8)


def test_compiled_to_machine_code_the_step_has_eagers_gradients() -> None:
    assert through_two_steps(score_plainly, *small(), None, backend="inductor") < 1e-5


def test_compiled_to_machine_code_in_double_precision_too() -> None:
    judge, candidates = small()
    assert through_two_steps(score_plainly, judge.double(), candidates.double(), None, backend="inductor") < 1e-12


def test_compiled_to_machine_code_in_bf16_the_step_differs_by_its_rounding() -> None:
    assert through_two_steps(score_plainly_in_bf16, *small(), None, backend="inductor", tolerance=BF16_TOLERANCE) < 2e-2


def test_a_step_that_is_silently_wrong_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a compiler that loses the penalty's share of the gradients
    judge, candidates = small()

    def wrong(work: Callable[..., Any], *arguments: Any) -> Any:
        judge, candidates, told, gamma = arguments
        return work(judge, candidates, told, 0.0 * gamma)

    monkeypatch.setattr(compiled, "_tracing", wrong)
    monkeypatch.setattr(torch, "compile", lambda work, **_: work)
    said: list[str] = []
    before = copy.deepcopy(judge.state_dict())
    step = JudgeStep(score_plainly, Compiling(say=said.append))
    # Then it is told, steps are eager, and the check left the weights alone
    found = gradients(step, judge, candidates, None, 1.0)
    assert "not compiled: its gradients differ from eager's by" in said[0]
    assert farthest(found, gradients(JudgeStep(score_plainly), judge, candidates, None, 1.0)) == 0.0
    assert all(torch.equal(before[name], value) for name, value in judge.state_dict().items())


def test_a_machine_that_cannot_compile_trains_eagerly_and_says_why(
    make_spec: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("no compiler\nfound\nand more")

    monkeypatch.setattr(torch, "compile", lambda work, **_: broken)
    plain, told = make_spec(out="plain", stop_nimg=8), make_spec(out="told", stop_nimg=8)
    lines = [[e for e in run_here(spec) if e["event"] in ("log", "compiled")] for spec in (plain, with_compiled(told))]
    assert lines[1][0] == {"event": "compiled", "message": "the judge's step is not compiled: no compiler found"}
    assert lines[0] == lines[1][1:]


with_compiled = partial(replace, compiled=True)


def test_nan_is_far_from_everything() -> None:
    assert farthest([torch.tensor([float("nan")])], [torch.tensor([1.0])]) == float("inf")
    assert farthest([torch.zeros(2)], [torch.zeros(2)]) == 0.0
