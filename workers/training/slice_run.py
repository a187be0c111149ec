"""One slice, start to end: data, resume, train, checkpoint, samples. Knows no signals and no processes."""

import os
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from farm.errors import CheckpointInvalid, InvalidInput
from workers.training.borrowed import begin_with
from workers.training.checkpoint import (
    Point,
    Provenance,
    find_checkpoints,
    load_checkpoint,
    read_record,
    save_checkpoint,
)
from workers.training.compiled import BF16_TOLERANCE, FP32_TOLERANCE, Compiling, JudgeStep, MakeJudgeStep
from workers.training.data import PhotoFolder, PhotoSource, Tell
from workers.training.frame_disk import FrameDisk
from workers.training.loop import Classroom, Watcher, start, train
from workers.training.opening import OpenLesson, open_lesson
from workers.training.photo_spool import PhotoSpool
from workers.training.precision import casts
from workers.training.ranks import Ranks, joined
from workers.training.sampling import sheet_stops, write_sheet
from workers.training.slice_spec import SliceSpec
from workers.training.state import TrainingState

Emit = Callable[[Mapping[str, Any]], None]
PROGRESS_S = 1.0
PREPARING_S = 5.0


@dataclass(frozen=True, kw_only=True)
class Reporting:
    """Where events go, whether to stop, and what happens at the points of a checkpoint's writing."""

    emit: Emit
    should_stop: Callable[[], bool]
    at: Point


def run_slice(spec: SliceSpec, reporting: Reporting) -> int:
    """Train one slice and return the images seen at its checkpoint; asked to stop while data is prepared, at the last.

    Raises NotFound, InvalidInput or PhotoRefused on bad data, CheckpointInvalid if there are checkpoints but none is
    sound, TrainingDiverged on a loss that is not finite (no checkpoint is written then).
    """
    torch.set_num_threads(spec.threads)
    device = torch.device(spec.device)
    source: PhotoSource = (
        PhotoFolder(spec.data_dir / "photos") if spec.spool_dir is None else PhotoSpool(spec.spool_dir)
    )
    try:
        with joined(device) as ranks:
            return _run(spec, reporting, ranks=ranks, source=source)
    finally:
        source.close()  # or threads that wait for a photo would keep this process


def _run(spec: SliceSpec, reporting: Reporting, *, ranks: Ranks, source: PhotoSource) -> int:
    if spec.run.batch % ranks.world:
        raise InvalidInput(f"a batch of {spec.run.batch} cannot be shared by {ranks.world} ranks")
    warn, tell = _warner(reporting), _teller(reporting, ranks)
    frames = FrameDisk(
        source=source,
        folder=spec.cache_dir,
        room_bytes=spec.cache_bytes,
        shelf=(ranks.rank, ranks.world),
        tell=tell,
    )
    try:
        with ranks.first_alone():
            step = _judge_step(spec, reporting)
            opened = open_lesson(spec, frames, device=ranks.device, tell=tell, warn=warn, judge_step=step)
    except _Stopped:
        return _reached(spec)
    provenance = _provenance(spec, opened, ranks)
    state = start(opened.lesson, spec.run, device=ranks.device)
    resume(state, spec, provenance=provenance, emit=reporting.emit)
    room = Classroom(state=state, lesson=opened.lesson, config=spec.run, ranks=ranks)

    def should_stop() -> bool:
        return reporting.should_stop() or not opened.ready(state.nimg, reporting.should_stop)

    watcher = replace(_watcher(reporting, warn), should_stop=should_stop)
    for stop_nimg in sheet_stops(state.nimg, spec.stop_nimg, spec.run):
        train(room, stop_nimg=stop_nimg, watcher=watcher)
        if state.nimg < stop_nimg or stop_nimg == spec.stop_nimg:
            break  # asked to stop, or at the end: the checkpoint goes before the sheet
        if ranks.first:
            _show(room, spec, reporting)
    if ranks.first:
        _keep(room, spec, provenance=provenance, reporting=reporting)
    return state.nimg


def _keep(room: Classroom, spec: SliceSpec, *, provenance: Provenance, reporting: Reporting) -> None:
    """The checkpoint, then the sample sheet."""
    path = save_checkpoint(room.state, folder=spec.out_dir, provenance=provenance, at=reporting.at)
    reporting.emit({"event": "checkpoint", "nimg": room.state.nimg, "path": str(path)})
    _show(room, spec, reporting)


def _show(room: Classroom, spec: SliceSpec, reporting: Reporting) -> None:
    """The sample sheet."""
    state = room.state
    sheet = room.lesson.sample(state.average)
    sheet_path = spec.out_dir / "samples" / f"{state.nimg:012d}.png"
    write_sheet(sheet_path, sheet)
    reporting.emit({"event": "sample", "nimg": state.nimg, "path": str(sheet_path), **sheet.figures})


def _provenance(spec: SliceSpec, opened: OpenLesson, ranks: Ranks) -> Provenance:
    return Provenance(
        config=spec.run.to_json(),
        config_digest=spec.run.digest,
        dataset_digest=opened.dataset_digest,
        pool_digest=opened.pool_digest,
        taught=opened.taught,
        machine=_machine(spec, ranks),
    )


def resume(state: TrainingState, spec: SliceSpec, *, provenance: Provenance, emit: Emit) -> None:
    """Put the newest sound checkpoint of resume_dir and out_dir into `state`; damaged ones are told and passed by.

    Where there is none, a branch begins at the other run's checkpoint, and a run with a cascade's weights with those.
    Raises CheckpointInvalid if there are some and none is sound.
    """
    found = sorted(_checkpoints(spec), key=_nimg, reverse=True)
    problems: list[CheckpointInvalid] = []
    for path in found:
        try:
            record = load_checkpoint(state, path=path, provenance=provenance)
        except CheckpointInvalid as error:
            problems.append(error)
            emit({"event": "damaged", "path": str(path), "message": error.message})
        else:
            emit({"event": "resumed", "nimg": state.nimg, "path": str(path), "same_machine": _same(record, provenance)})
            return
    if problems:
        raise problems[0]
    if spec.branch_dir is not None:
        load_checkpoint(state, path=spec.branch_dir, provenance=provenance, branch=True)
        emit({"event": "branched", "nimg": state.nimg, "path": str(spec.branch_dir)})
    elif spec.cascade_dir is not None:
        begin_with(state, spec.cascade_dir, config=spec.run)
        emit({"event": "branched", "nimg": state.nimg, "path": str(spec.cascade_dir)})


def _nimg(path: Path) -> int:
    """Images seen by a checkpoint; -1 if that cannot be read, so that it is tried last."""
    try:
        return int(read_record(path)["nimg"])
    except CheckpointInvalid:
        return -1


def _checkpoints(spec: SliceSpec) -> list[Path]:
    folders = [spec.out_dir] + ([spec.resume_dir] if spec.resume_dir else [])
    return [path for folder in folders for path in find_checkpoints(folder)]


def _reached(spec: SliceSpec) -> int:
    return max([0, *map(_nimg, _checkpoints(spec))])


class _Stopped(Exception):  # no error: asked to stop before the first step
    """Raised between two pictures of a cache in the making."""


def _warner(reporting: Reporting) -> Tell:
    def warn(message: str) -> None:
        reporting.emit({"event": "warning", "message": message})

    return warn


def _teller(reporting: Reporting, ranks: Ranks) -> Tell:
    told_at = [time.monotonic()]

    def tell(done: str) -> None:
        # With several ranks the others wait for this one: all stop together, at the first step.
        if ranks.world == 1 and reporting.should_stop():
            raise _Stopped
        if time.monotonic() - told_at[0] >= PREPARING_S:
            told_at[0] = time.monotonic()
            reporting.emit({"event": "preparing", "message": done})

    return tell


def _same(record: Mapping[str, Any], provenance: Provenance) -> bool:
    return bool(record["machine"] == dict(provenance.machine))


def _watcher(reporting: Reporting, warn: Tell) -> Watcher:
    told_at = [0.0]

    def progress(nimg: int) -> None:
        if time.monotonic() - told_at[0] >= PROGRESS_S:
            told_at[0] = time.monotonic()
            reporting.emit({"event": "progress", "nimg": nimg})

    def log(line: Mapping[str, float]) -> None:
        reporting.emit({"event": "log", **line})

    return Watcher(progress=progress, log=log, warn=warn, should_stop=reporting.should_stop)


def _judge_step(spec: SliceSpec, reporting: Reporting) -> MakeJudgeStep:
    """Compiled where the slice wants it; what becomes of that is an event."""
    if not spec.compiled:
        return JudgeStep
    in_bf16 = casts(spec.run.precision, torch.device(spec.device))
    compiling = Compiling(
        say=lambda word: reporting.emit({"event": "compiled", "message": word}),
        tolerance=BF16_TOLERANCE if in_bf16 else FP32_TOLERANCE,
    )
    return partial(JudgeStep, compiling=compiling)


def _machine(spec: SliceSpec, ranks: Ranks) -> dict[str, Any]:
    """What may change bits from one machine to another."""
    device = torch.device(spec.device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    return {
        "device": f"{device.type} {name}",
        "capability": torch.backends.cpu.get_cpu_capability(),
        "threads": spec.threads,
        "compiled": spec.compiled,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "cores": os.cpu_count(),
        "ranks": ranks.world,
    }
