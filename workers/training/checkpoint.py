"""Checkpoints: safetensors and JSON in one folder, written aside, flushed, renamed; two kept. Nothing is unpickled.

checkpoint-000000150000/
    weights.safetensors     painter.* and judge.*, fp32
    averages.safetensors    the painter's running average, fp32: what samples and cascades are made of
    optimizer.safetensors   both Adams' moments and steps
    state.json              images seen, sums of the open log line and of the control window, digests, versions; written
                            last, names the sha256 of the other three
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as bytes_from_tensors
from torch import Tensor, nn

from farm.errors import CheckpointInvalid
from farm.recipe import canonical_json
from workers.training.augment_control import ControlSums
from workers.training.health import Health
from workers.training.state import TrainingState

FORMAT = 2
"""1 had neither `control` nor `health`; it is still read."""
KEPT = 2
TENSOR_FILES = ("weights.safetensors", "averages.safetensors", "optimizer.safetensors")
STATE_FILE = "state.json"

Tensors = dict[str, Tensor]
Point = Callable[[str], None]
"""Called with the name of each moment inside a write; tests die there."""


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What a checkpoint belongs to. `config` in full, so that the folder explains itself.

    `taught`: what a cascade will say of the stage, to_px, scale_min and perhaps texture. `machine` (threads, device,
    versions) is a record: another value gives other bits, but no wrong training.
    """

    config: Mapping[str, Any]
    config_digest: str
    dataset_digest: str
    pool_digest: str
    taught: Mapping[str, Any]
    machine: Mapping[str, Any]


def save_checkpoint(state: TrainingState, *, folder: Path, provenance: Provenance, at: Point = lambda _: None) -> Path:
    """Write the state under `folder` and return the new checkpoint's path; older ones but one are removed."""
    final = folder / f"checkpoint-{state.nimg:012d}"
    partial = folder / f".writing-{final.name}-{os.getpid()}"
    _forget_parts(folder)
    partial.mkdir(parents=True)
    at("begin")
    try:
        digests = {}
        for name, tensors in zip(TENSOR_FILES, _tensors_of(state), strict=True):
            digests[name] = _write(partial / name, bytes_from_tensors(tensors))
            at(name)
        _write(partial / STATE_FILE, canonical_json(_record(state, provenance, digests)))
        at(STATE_FILE)
        _flush_folder(partial)
    except OSError:  # most likely a full disk, which a part would keep full
        _forget_parts(folder)
        raise
    if final.exists():  # an earlier attempt came exactly as far
        shutil.rmtree(final)
    partial.rename(final)
    at("renamed")
    _flush_folder(folder)
    _forget_old(folder)
    at("done")
    return final


def find_checkpoints(folder: Path) -> tuple[Path, ...]:
    """Checkpoints in `folder`, newest first; `folder` itself if it is one."""
    if (folder / STATE_FILE).is_file():
        return (folder,)
    return tuple(sorted(folder.glob("checkpoint-*"), reverse=True))


def load_checkpoint(
    state: TrainingState, *, path: Path, provenance: Provenance, branch: bool = False
) -> dict[str, Any]:
    """Put the checkpoint's values into `state`; returns its record.

    branch: it is another run's, to go on from with this run's dials and data; only the networks must be the same.
    Raises CheckpointInvalid naming the file that is damaged, or what it belongs to instead. `state` is changed only
    after every digest was checked.
    """
    record = read_record(path)
    if branch:
        _same_networks(record, provenance, path)
    else:
        _same_run(record, provenance, path)
    weights, averages, optimizer = (read_tensors(path, name, record) for name in TENSOR_FILES)
    _fill(state.painter, _under("painter.", weights), path / TENSOR_FILES[0])
    _fill(state.judge, _under("judge.", weights), path / TENSOR_FILES[0])
    _fill(state.average, averages, path / TENSOR_FILES[1])
    _fill_adam(state.painter_adam, state.painter, _under("painter.", optimizer), path / TENSOR_FILES[2])
    _fill_adam(state.judge_adam, state.judge, _under("judge.", optimizer), path / TENSOR_FILES[2])
    state.nimg, state.steps_in_line = record["nimg"], record["steps_in_line"]
    state.line_sums = dict(record["line_sums"])
    if branch:
        state.steps_in_line, state.line_sums = 0, {}  # half a line under other dials says nothing
        return record
    if record["control"] is not None:
        state.control = ControlSums.from_json(record["control"])
    state.health = Health.from_json(record["health"])
    return record


def _same_run(record: Mapping[str, Any], provenance: Provenance, path: Path) -> None:
    for name in ("config_digest", "dataset_digest", "pool_digest"):
        if record[name] != getattr(provenance, name):
            raise CheckpointInvalid(f"{path / STATE_FILE} belongs to another run: its {name} is {record[name]!r}")


def _same_networks(record: Mapping[str, Any], provenance: Provenance, path: Path) -> None:
    """A branch may change dials and data, not what is trained."""
    theirs = record["config"] if isinstance(record["config"], dict) else {}
    differing = [name for name in ("network", "judge_widths") if theirs.get(name) != provenance.config.get(name)]
    if differing:
        raise CheckpointInvalid(
            f"{path / STATE_FILE} is of preset {theirs.get('preset')!r}: its {' and '.join(differing)} differ from "
            f"{provenance.config.get('preset')!r}; branch with a preset of the same networks"
        )


def read_record(path: Path) -> dict[str, Any]:
    """A checkpoint's state.json. Raises CheckpointInvalid naming the file."""
    file = path / STATE_FILE
    try:
        record = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise CheckpointInvalid(f"{file} cannot be read: {error}") from error
    values = {"nimg", "steps_in_line", "line_sums", "control", "health"}
    wanted = {"format", "files", *values, *Provenance.__dataclass_fields__}
    if isinstance(record, dict) and record.get("format") == 1:
        record = {**record, "format": FORMAT, "control": None, "health": {}}
    if not isinstance(record, dict) or set(record) != wanted or record["format"] != FORMAT:
        raise CheckpointInvalid(f"{file} is not a checkpoint's state of format {FORMAT}")
    return record


def read_tensors(path: Path, name: str, record: Mapping[str, Any]) -> Tensors:
    """One of a checkpoint's safetensors files, its digest checked. Raises CheckpointInvalid naming the file."""
    file = path / name
    try:
        body = file.read_bytes()
    except OSError as error:
        raise CheckpointInvalid(f"{file} cannot be read: {error}") from error
    if hashlib.sha256(body).hexdigest() != record["files"].get(name):
        raise CheckpointInvalid(f"{file} is damaged: its sha256 is not the one in {STATE_FILE}")
    try:
        return tensors_from_bytes(body)
    except (SafetensorError, ValueError) as error:
        raise CheckpointInvalid(f"{file} is not a safetensors file: {error}") from error


def _tensors_of(state: TrainingState) -> tuple[Tensors, Tensors, Tensors]:
    weights = _prefixed("painter.", state.painter.state_dict()) | _prefixed("judge.", state.judge.state_dict())
    optimizer = _prefixed("painter.", _adam_tensors(state.painter_adam, state.painter))
    optimizer |= _prefixed("judge.", _adam_tensors(state.judge_adam, state.judge))
    return weights, _prefixed("", state.average.state_dict()), optimizer


def _prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> Tensors:
    # Contiguous copies: safetensors keeps no memory format, and channels_last is a matter of speed only.
    return {prefix + name: value.detach().cpu().contiguous() for name, value in tensors.items()}


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> Tensors:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _adam_tensors(adam: torch.optim.Adam, network: nn.Module) -> Tensors:
    return {
        f"{name}/{part}": value
        for name, parameter in network.named_parameters()
        for part, value in adam.state.get(parameter, {}).items()
    }


def _fill(network: nn.Module, tensors: Tensors, file: Path) -> None:
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise CheckpointInvalid(f"{file} does not fit the network: {error}") from error


def _fill_adam(adam: torch.optim.Adam, network: nn.Module, tensors: Tensors, file: Path) -> None:
    known = {f"{name}/{part}" for name, _ in network.named_parameters() for part in ("step", "exp_avg", "exp_avg_sq")}
    if tensors and set(tensors) != known:
        raise CheckpointInvalid(f"{file} does not fit the network's parameters")
    for name, parameter in network.named_parameters() if tensors else ():
        parts = {part: tensors[f"{name}/{part}"] for part in ("step", "exp_avg", "exp_avg_sq")}
        moments = {p: torch.empty_like(parameter).copy_(parts[p]) for p in ("exp_avg", "exp_avg_sq")}
        adam.state[parameter] = {"step": parts["step"].to(parameter.device), **moments}


def _record(state: TrainingState, provenance: Provenance, digests: Mapping[str, str]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "nimg": state.nimg,
        "steps_in_line": state.steps_in_line,
        "line_sums": state.line_sums,
        "control": None if state.control is None else state.control.to_json(),
        "health": state.health.to_json(),
        "files": dict(digests),
        **{name: getattr(provenance, name) for name in Provenance.__dataclass_fields__},
    }


def _write(path: Path, body: bytes) -> str:
    with path.open("wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    return hashlib.sha256(body).hexdigest()


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _forget_old(folder: Path) -> None:
    for path in sorted(folder.glob("checkpoint-*"), reverse=True)[KEPT:]:
        shutil.rmtree(path)


def _forget_parts(folder: Path) -> None:
    for path in folder.glob(".writing-*"):  # left by a killed process; this process holds the device's lock
        shutil.rmtree(path)
