"""A base that begins with a cascade's weights: its painter's, for painter and average, and its judge's.

Nothing else of the other run is in a cascade: both Adams begin at rest, images count from 0. So the average forgets
its beginning as fast as that of a new run; with dials for the end of a training that is what one wants.
"""

from pathlib import Path

from farm.errors import CheckpointInvalid, NotFound
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
    theirs = (cascade.config.base, cascade.config.judge and cascade.config.judge.widths)
    if cascade.judge is None or theirs != (config.network, config.judge_widths):
        raise CheckpointInvalid(
            f"the base of cascade {cascade.digest[:12]}… and its judge have other networks than {config.preset!r}; "
            "take the preset they were trained by"
        )
    painter, judge = cascade.base.network.state_dict(), cascade.judge.network.state_dict()
    for network, weights in ((state.painter, painter), (state.average, painter), (state.judge, judge)):
        network.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
