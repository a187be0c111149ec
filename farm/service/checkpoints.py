"""Checkpoints that come from elsewhere: a run begun on another farm, or by hand, goes on here.

A checkpoint is a folder: state.json, which names the sha256 of the files beside it. Each file is kept as an upload
under its sha256; a train job names the state's. Whether it fits the run is the training process's to say: it compares
the digests of configuration and data.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from farm.errors import CheckpointInvalid, InvalidInput, NotFound, Problem
from farm.specs.presets import PRESETS, Preset
from farm.storage import Storage, keys

STATE_FILE = "state.json"
STATE_MAX_BYTES = 1_000_000


def upload_checkpoint(folder: Path, *, storage: Storage) -> str:
    """Keep a checkpoint folder's files; the sha256 of its state.json.

    Raises CheckpointInvalid naming the file that is missing or damaged.
    """
    state = _read(folder / STATE_FILE)
    for name, sha256 in sorted(_files_of(state).items()):
        body = _read(folder / name)
        if hashlib.sha256(body).hexdigest() != sha256:
            raise CheckpointInvalid(f"{folder / name} is damaged: its sha256 is not the one in {STATE_FILE}")
        storage.put(keys.intake(sha256), body)
    digest = hashlib.sha256(state).hexdigest()
    storage.put(keys.intake(digest), state)  # last: where it is, the others are too
    return digest


def uploaded_nimg(digest: str, *, storage: Storage) -> int:
    """Images an uploaded checkpoint has seen. Raises InvalidInput where it was not uploaded or is none."""
    return int(_uploaded(digest, storage)["nimg"])


def uploaded_preset(digest: str, *, storage: Storage) -> Preset:
    """The preset an uploaded checkpoint was trained with. Raises InvalidInput as `uploaded_nimg`."""
    config = _uploaded(digest, storage).get("config")
    name = str(config.get("preset")) if isinstance(config, dict) else ""
    if name not in PRESETS:
        raise InvalidInput("no checkpoint", problems=[Problem("checkpoint", f"its preset {name!r} is not known here")])
    return PRESETS[name]


def _uploaded(digest: str, storage: Storage) -> dict[str, Any]:
    """An uploaded state.json, read."""
    try:
        state = storage.get(keys.intake(digest))
    except NotFound as error:
        raise InvalidInput("no such upload", problems=[Problem("checkpoint", "was not uploaded")]) from error
    try:
        _files_of(state)
    except CheckpointInvalid as error:
        raise InvalidInput("no checkpoint", problems=[Problem("checkpoint", error.message)]) from error
    value: dict[str, Any] = json.loads(state)
    return value


def _files_of(state: bytes) -> dict[str, str]:
    """File names and sha256 of a state.json. Raises CheckpointInvalid."""
    try:
        value: Any = json.loads(state) if len(state) <= STATE_MAX_BYTES else None
    except ValueError as error:
        raise CheckpointInvalid(f"{STATE_FILE} is not JSON: {error}") from error
    files = value.get("files") if isinstance(value, dict) else None
    seen = value.get("nimg") if isinstance(value, dict) else None
    named = isinstance(files, dict) and all(map(_is_named, files, files.values()))
    if not isinstance(files, dict) or not named or not isinstance(seen, int) or seen < 1:
        raise CheckpointInvalid(f"{STATE_FILE} is not a checkpoint's state")
    return files


def _is_named(name: str, sha256: Any) -> bool:
    plain = name.endswith(".safetensors") and "/" not in name and "\\" not in name and not name.startswith(".")
    return plain and isinstance(sha256, str) and len(sha256) == 64 and set(sha256) <= set("0123456789abcdef")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CheckpointInvalid(f"{path} cannot be read: {error.strerror}") from error
