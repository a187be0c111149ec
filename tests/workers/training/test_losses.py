"""Losses against values computed by hand."""

import math

import pytest
import torch

from workers.training.losses import (
    consistency_loss,
    discriminator_loss,
    generator_loss,
    gradient_penalty,
    penalised_discriminator_loss,
)
from workers.training.upscaler_lesson import patch_penalty


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


def test_the_judge_pays_for_fakes_above_their_own_photo() -> None:
    real, fake = torch.tensor([2.0, -1.0]), torch.tensor([0.5, 1.0])
    expected = (softplus(0.5 - 2.0) + softplus(1.0 + 1.0)) / 2
    assert discriminator_loss(real, fake).item() == pytest.approx(expected, rel=1e-6)


def test_the_painter_pays_with_the_roles_exchanged() -> None:
    real, fake = torch.tensor([2.0, -1.0]), torch.tensor([0.5, 1.0])
    assert generator_loss(real, fake).item() == pytest.approx(discriminator_loss(fake, real).item())


def test_the_penalty_is_the_squared_gradient_of_each_sample() -> None:
    # D(x) = sum(w * x^2), so dD/dx = 2 w x
    x = torch.tensor([[1.0, 2.0], [3.0, -1.0]], requires_grad=True)
    w = torch.tensor([0.5, 2.0])
    penalties = gradient_penalty((w * x.square()).sum(1), x)
    assert penalties.tolist() == pytest.approx([1.0**2 + 8.0**2, 3.0**2 + 4.0**2])


def test_the_penalty_can_be_descended() -> None:
    # D(x) = w x: the penalty is w^2, its derivative 2 w
    x, w = torch.tensor([[5.0]], requires_grad=True), torch.tensor(3.0, requires_grad=True)
    gradient_penalty((w * x).sum(1), x).sum().backward()
    assert w.grad is not None
    assert w.grad.item() == pytest.approx(6.0)


def test_gamma_halves_weigh_photos_and_fakes_alike() -> None:
    logits = torch.zeros(2)
    loss = penalised_discriminator_loss(
        real_logits=logits, fake_logits=logits, penalties=torch.tensor([1.0, 3.0, 5.0, 7.0]), gamma=0.1
    )
    assert loss.item() == pytest.approx(math.log(2.0) + 0.05 * (2.0 + 6.0))


def test_consistency_sees_only_the_averaged_down_picture() -> None:
    small = torch.tensor([[[[0.5]]]]).expand(1, 3, 1, 1)
    detail = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).expand(1, 3, 2, 2)
    assert consistency_loss(detail, small, 2).item() == pytest.approx(0.0)
    assert consistency_loss(detail + 0.25, small, 2).item() == pytest.approx(0.25)


def test_a_patch_penalty_means_the_same_for_every_number_of_patches() -> None:
    # Each patch scores its own pixel, so each has a squared gradient of 4.
    for patches in (1, 3):
        x = torch.ones(2, 1, patches, patches, requires_grad=True)
        assert patch_penalty(2.0 * x[:, 0], x).tolist() == pytest.approx([4.0, 4.0])
