"""What the two networks are paid for.

Relativistic pairing GAN with zero-centred penalties on both distributions: Huang, Gokaslan, Kuleshov, Tompkin, "The GAN
is dead; long live the GAN! A modern GAN baseline" (2025), eq. 2 with R1 and R2 (eqs. 3, 4), on every step.
"""

import torch
from torch import Tensor
from torch.nn import functional

from workers.cascade.arithmetic import at_least_fp32


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """f(D(G(z)) - D(x)) averaged over pairs, f = softplus; `real`, `fake`: logits [N]. A scalar."""
    return functional.softplus(at_least_fp32(fake) - at_least_fp32(real)).mean()


def generator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """The same with the roles exchanged: f(D(x) - D(G(z)))."""
    return functional.softplus(at_least_fp32(real) - at_least_fp32(fake)).mean()


def gradient_penalty(logits: Tensor, candidates: Tensor) -> Tensor:
    """||dD/dx||^2 of each sample, [N] float32: R1 where `candidates` are photos, R2 where they are generated.

    logits: [N], one per candidate. Differentiable, so that the penalty itself can be descended. One sum over the batch
    is enough, since no layer lets samples see each other.
    """
    (gradient,) = torch.autograd.grad(outputs=[at_least_fp32(logits).sum()], inputs=[candidates], create_graph=True)
    return at_least_fp32(gradient).square().flatten(1).sum(1)


def penalised_discriminator_loss(
    *, real_logits: Tensor, fake_logits: Tensor, penalties: Tensor, gamma: float | Tensor
) -> Tensor:
    """Pairing loss plus gamma/2 * (R1 + R2), each averaged over its half; penalties: [2N], photos first."""
    r1, r2 = penalties.chunk(2)
    return discriminator_loss(real_logits, fake_logits) + 0.5 * gamma * (r1.mean() + r2.mean())


def consistency_loss(fake: Tensor, small: Tensor, factor: int) -> Tensor:
    """|down(fake) - small|_1: only the averaged-down picture is compared, detail stays free (Tyka 2017).

    fake: [N, 3, f*H, f*W]; small: [N, 3, H, W], the clean input, both in [-1, 1].
    """
    return (functional.avg_pool2d(fake.float(), factor) - small.float()).abs().mean()
