"""What a cascade takes from a run: the averages of a checkpoint, with all a stage must say about itself."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from farm.errors import CheckpointInvalid, InvalidInput
from workers.cascade.config import StageConfig
from workers.cascade.halo import stage_config
from workers.training.checkpoint import STATE_FILE, TENSOR_FILES, read_record, read_tensors
from workers.training.config import RunConfig

AVERAGES = TENSOR_FILES[1]


def export_stage(checkpoint_dir: Path) -> tuple[StageConfig, dict[str, Tensor]]:
    """The stage of a checkpoint: its configuration with halo and taught sizes, and its averages' tensors, fp32.

    Raises CheckpointInvalid naming the damaged file.
    """
    record = read_record(checkpoint_dir)
    tensors = read_tensors(checkpoint_dir, AVERAGES, record)
    try:
        run = RunConfig.from_json(record["config"])
        taught: Mapping[str, float] = record["taught"]
        to_px, scale_min = int(taught["to_px"]), float(taught["scale_min"])
    except (InvalidInput, KeyError, TypeError, ValueError) as error:
        raise CheckpointInvalid(f"{checkpoint_dir / STATE_FILE} is not a run's state: {error}") from error
    return stage_config(run.network, call=run.call, taught_to_px=to_px, scale_min=scale_min), tensors


def averages_digest(checkpoint_dir: Path) -> str:
    """sha256 of a checkpoint's averages, by which a pool names the stages it was made with."""
    digest = read_record(checkpoint_dir)["files"].get(AVERAGES)
    if not isinstance(digest, str):
        raise CheckpointInvalid(f"{checkpoint_dir / STATE_FILE} names no {AVERAGES}")
    return digest
