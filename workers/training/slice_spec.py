"""What a slice's process is told, in one JSON file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from farm.errors import InvalidInput, Problem
from workers.training.config import RunConfig


@dataclass(frozen=True, kw_only=True)
class SliceSpec:
    """One slice of one run.

    run: the configuration. data_dir: manifest.parquet and photos/<sha256>.<ext>. resume_dir: a checkpoint, or a folder
    of checkpoints of which the newest sound one is taken; None starts at image 0. out_dir: where checkpoints and sample
    grids go; if it holds checkpoints of this run, a killed attempt left them, and they are resumed from if newer.
    cache_dir: decoded frames. stop_nimg: train until at least so many images were shown; rounded up to whole batches.
    device: "cpu" or "cuda:0". threads: torch's. lock_path: the device's lock. launcher_pid: whom to die with.
    stages_before: checkpoints of the earlier stages, base first, where the configuration has a pool. branch_dir:
    another run's checkpoint, where this run begins instead of at image 0. cascade_dir: a cascade's files, of which it
    takes its first weights. ranks: processes that share the run, started by torchrun; on GPUs the first takes `device`
    and the others those after it. spool_dir: where photos are asked for (photo_spool.py); None: they lie in data_dir.
    cache_bytes: what decoded frames may take of the disk; None is no bound. compiled: compile the judge's step. It
    rounds differently, so it is part of the machine of which a checkpoint tells.
    """

    run: RunConfig
    data_dir: Path
    resume_dir: Path | None
    out_dir: Path
    cache_dir: Path
    stop_nimg: int
    device: str
    threads: int
    lock_path: Path
    launcher_pid: int
    stages_before: tuple[Path, ...] = ()
    branch_dir: Path | None = None
    cascade_dir: Path | None = None
    ranks: int = 1
    spool_dir: Path | None = None
    cache_bytes: int | None = None
    compiled: bool = False

    @classmethod
    def from_json(cls, value: Any) -> "SliceSpec":
        """Read strictly. Raises InvalidInput naming every wrong field."""
        if not isinstance(value, dict):
            raise InvalidInput("a slice's description must be an object")
        problems = _problems(value)
        if problems:
            raise InvalidInput("this is not a slice's description", problems=problems)
        resume, spool = value["resume_dir"], value.get("spool_dir")
        return cls(
            run=RunConfig.from_json(value["run"]),
            data_dir=Path(value["data_dir"]),
            resume_dir=None if resume is None else Path(resume),
            out_dir=Path(value["out_dir"]),
            cache_dir=Path(value["cache_dir"]),
            stop_nimg=value["stop_nimg"],
            device=value["device"],
            threads=value["threads"],
            lock_path=Path(value["lock_path"]),
            launcher_pid=value["launcher_pid"],
            stages_before=tuple(map(Path, value.get("stages_before", ()))),
            branch_dir=Path(value["branch_dir"]) if value.get("branch_dir") else None,
            cascade_dir=Path(value["cascade_dir"]) if value.get("cascade_dir") else None,
            ranks=value.get("ranks", 1),
            spool_dir=None if spool is None else Path(spool),
            cache_bytes=value.get("cache_bytes"),
            compiled=value.get("compiled", False),
        )


def _problems(value: Mapping[str, Any]) -> list[Problem]:
    wanted: dict[str, type | tuple[type, ...]] = {
        "run": dict,
        "data_dir": str,
        "resume_dir": (str, type(None)),
        "out_dir": str,
        "cache_dir": str,
        "stop_nimg": int,
        "device": str,
        "threads": int,
        "lock_path": str,
        "launcher_pid": int,
    }
    optional: dict[str, type | tuple[type, ...]] = {
        "compiled": bool,
        "stages_before": list,
        "branch_dir": (str, type(None)),
        "cascade_dir": (str, type(None)),
        "ranks": int,
        "spool_dir": (str, type(None)),
        "cache_bytes": (int, type(None)),
    }
    found = [Problem(name, "is missing") for name in wanted if name not in value]
    wanted |= optional
    found += [Problem(str(name), "unknown field") for name in value if name not in wanted]
    for name, kind in wanted.items():
        if name in value and not isinstance(value[name], kind):
            found.append(Problem(name, "has a wrong type"))
    return found
