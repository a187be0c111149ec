"""What a cascade takes from a run: a checkpoint's averages, with all a stage must say about itself; a base's judge."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from farm.errors import CascadeInvalid, CheckpointInvalid, InvalidInput
from workers.cascade.config import JudgeConfig, StageConfig
from workers.cascade.halo import stage_config
from workers.cascade.texture import TextureSpread
from workers.training.checkpoint import STATE_FILE, TENSOR_FILES, read_record, read_tensors
from workers.training.config import RunConfig

WEIGHTS, AVERAGES, _ = TENSOR_FILES
JUDGE_MICRO_BATCH = 16
_JUDGE = "judge."


def export_stage(checkpoint_dir: Path) -> tuple[StageConfig, dict[str, Tensor]]:
    """The stage of a checkpoint: its configuration with halo and taught sizes, and its averages' tensors, fp32.

    Raises CheckpointInvalid naming the damaged file.
    """
    record = read_record(checkpoint_dir)
    tensors = read_tensors(checkpoint_dir, AVERAGES, record)
    run = _run_of(checkpoint_dir, record)
    try:
        taught: Mapping[str, Any] = record["taught"]
        to_px, scale_min = int(taught["to_px"]), float(taught["scale_min"])
        texture = TextureSpread.from_json(taught["texture"], where="taught.texture") if "texture" in taught else None
    except (KeyError, TypeError, ValueError, CascadeInvalid) as error:
        raise CheckpointInvalid(f"{checkpoint_dir / STATE_FILE} is not a run's state: {error}") from error
    stage = stage_config(run.network, call=run.call, taught_to_px=to_px, scale_min=scale_min, texture=texture)
    return stage, tensors


def export_judge(checkpoint_dir: Path) -> tuple[JudgeConfig, dict[str, Tensor]]:
    """The judge of a base's checkpoint: its configuration, and its tensors, fp32.

    A judge has no average: it is taken as the last step left it. Raises CheckpointInvalid naming the damaged file.
    """
    record = read_record(checkpoint_dir)
    run = _run_of(checkpoint_dir, record)
    weights = read_tensors(checkpoint_dir, WEIGHTS, record)
    tensors = {name.removeprefix(_JUDGE): value for name, value in weights.items() if name.startswith(_JUDGE)}
    call = replace(run.call, window_px=0, micro_batch=JUDGE_MICRO_BATCH)
    return JudgeConfig(widths=run.judge_widths, call=call), tensors


def _run_of(checkpoint_dir: Path, record: Mapping[str, Any]) -> RunConfig:
    try:
        return RunConfig.from_json(record["config"])
    except InvalidInput as error:
        raise CheckpointInvalid(f"{checkpoint_dir / STATE_FILE} is not a run's state: {error}") from error


def averages_digest(checkpoint_dir: Path) -> str:
    """sha256 of a checkpoint's averages, by which a pool names the stages it was made with."""
    digest = read_record(checkpoint_dir)["files"].get(AVERAGES)
    if not isinstance(digest, str):
        raise CheckpointInvalid(f"{checkpoint_dir / STATE_FILE} names no {AVERAGES}")
    return digest
