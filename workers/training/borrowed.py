"""A run that begins with a cascade's weights: a base with painter's and judge's, an upscaler with its painter's.

Nothing else of the other run is in a cascade: both Adams begin at rest, images count from 0, an upscaler's judge is
new. So the average forgets its beginning as fast as that of a new run; with dials for the end of a training that is
what one wants.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from farm.errors import CheckpointInvalid, NotFound
from workers.cascade.cascade import Cascade
from workers.cascade.config import UpscalerConfig
from workers.cascade.container import load_cascade
from workers.training.config import RunConfig
from workers.training.state import TrainingState


def begin_with(state: TrainingState, folder: Path, *, config: RunConfig) -> None:
    """Fill `state` from the files of a cascade in `folder`, checked as for rendering; weights become fp32.

    Raises CascadeInvalid for a damaged file, CheckpointInvalid where the run's networks are not the cascade's.
    """

    def read(name: str) -> bytes:
        try:
            return (folder / name).read_bytes()
        except FileNotFoundError as error:
            raise NotFound(f"{folder} holds no {name}") from error

    cascade = load_cascade(read)
    if isinstance(config.network, UpscalerConfig):
        _begin_upscaler(state, cascade, config.network, preset=config.preset)
    else:
        _begin_base(state, cascade, config)


def _begin_base(state: TrainingState, cascade: Cascade, config: RunConfig) -> None:
    theirs = (cascade.config.base, cascade.config.judge and cascade.config.judge.widths)
    if cascade.judge is None or theirs != (config.network, config.judge_widths):
        raise CheckpointInvalid(
            f"the base of cascade {cascade.digest[:12]}… and its judge have other networks than {config.preset!r}; "
            "take the preset they were trained by"
        )
    painter, judge = cascade.base.network.state_dict(), cascade.judge.network.state_dict()
    for network, weights in ((state.painter, painter), (state.average, painter), (state.judge, judge)):
        network.load_state_dict({name: tensor.float() for name, tensor in weights.items()})


def _begin_upscaler(state: TrainingState, cascade: Cascade, network: UpscalerConfig, *, preset: str) -> None:
    """A run that is told a texture may begin with a stage that was told none: it listens to it not at all at first."""
    for stage in cascade.upscalers:
        theirs = stage.network.config
        if theirs in (network, replace(network, texture_dim=0)):
            weights = _widened(stage.network.state_dict(), state.painter.state_dict())
            for mine in (state.painter, state.average):
                mine.load_state_dict(weights)
            return
    raise CheckpointInvalid(
        f"no stage of cascade {cascade.digest[:12]}… has the networks of {preset!r}; take the preset one was trained by"
    )


def _widened(theirs: Mapping[str, Tensor], mine: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Their weights in fp32; inputs that only mine has are the last ones of a layer, or a layer, and begin at zero."""
    weights = {name: torch.zeros_like(tensor) for name, tensor in mine.items()}
    for name, tensor in theirs.items():
        if tensor.dim() > 1:
            weights[name][:, : tensor.shape[1]] = tensor.float()
        else:
            weights[name] = tensor.float()
    return weights
