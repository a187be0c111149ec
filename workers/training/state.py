"""What training carries from step to step, and what a checkpoint must therefore hold."""

from dataclasses import dataclass, field

import torch
from torch import nn

from workers.training.augment_control import ControlSums
from workers.training.averaging import averaged_copy
from workers.training.health import Health
from workers.training.precision import Precision, weights_dtype
from workers.training.randomness import generator
from workers.training.schedules import Dials


@dataclass
class TrainingState:
    """Networks, averages, optimisers, images seen, the sums of the unfinished log line and of the control window.

    Everything else a step needs is a function of the configuration, the data and `nimg`.
    """

    painter: nn.Module
    judge: nn.Module
    average: nn.Module
    painter_adam: torch.optim.Adam
    judge_adam: torch.optim.Adam
    nimg: int = 0
    steps_in_line: int = 0
    line_sums: dict[str, float] = field(default_factory=dict)
    control: ControlSums | None = None
    health: Health = field(default_factory=Health)


def new_state(
    networks: tuple[nn.Module, nn.Module], *, device: torch.device, precision: Precision = "fp32"
) -> TrainingState:
    """Everything at image 0; weights are fp32, but for fp64."""
    painter, judge = (_placed(network.to(weights_dtype(precision)), device) for network in networks)
    return TrainingState(
        painter=painter,
        judge=judge,
        average=averaged_copy(painter),
        painter_adam=_adam(painter),
        judge_adam=_adam(judge),
    )


def initial_weights_seed(run_seed: int) -> int:
    """Seed of torch's generator while networks are built: the only place where it is used."""
    return int(generator(run_seed, "weights", 0).integers(0, 2**63 - 1))


def set_dials(state: TrainingState, dials: Dials) -> None:
    """This step's learning rate and second decay, in both optimisers."""
    for adam in (state.painter_adam, state.judge_adam):
        for group in adam.param_groups:
            group["lr"] = dials.lr
            group["betas"] = (0.0, dials.beta2)


def _placed(network: nn.Module, device: torch.device) -> nn.Module:
    # channels_last is a matter of speed: the convolutions of both devices read it directly.
    return network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _adam(network: nn.Module) -> torch.optim.Adam:
    return torch.optim.Adam(network.parameters(), lr=0.0, betas=(0.0, 0.9), eps=1e-8, fused=True)
