"""A cascade as a folder in the layout of the Hugging Face hub: config.json, safetensors files, README.md.

config.json holds the whole cascade.json, so nothing is lost: what comes back from such a folder has the digest of what
was written. A folder to be read may come from anybody. Here its files are found, measured and packed into an archive;
the worker that imports the archive checks every tensor.
"""

import dataclasses
import hashlib
import io
import json
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from farm.errors import CascadeInvalid, InvalidInput, NotFound, Problem, TooLarge
from farm.ledger import Ledger
from farm.ledger.rows import CascadeRow
from farm.recipe import canonical_json
from farm.service.archives import CONFIG_FILE, pack
from farm.service.files import write_whole
from farm.service.model_card import check_licence, model_card
from farm.service.origins import origins_of
from farm.storage import Storage, keys

HUB_CONFIG = "config.json"
CARD = "README.md"
MODEL_TYPE = "portrait-farm-cascade"
LIBRARY = "portrait-farm"
MAX_CONFIG_BYTES = 2 << 20
MAX_NAMED = 20
_WEIGHTS = re.compile(r"[0-7]-(base|upscaler)\.safetensors|judge\.safetensors", re.ASCII)
_PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib")
"""Files that other programs unpickle: code of whoever made them."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """A folder as it was read: the archive of its cascade, the digest, and the names that were passed over."""

    archive: bytes
    digest: str
    ignored: tuple[str, ...]


def export_folder(row: CascadeRow, folder: Path, *, licence: str, ledger: Ledger, storage: Storage) -> list[str]:
    """Write a cascade with a card of all the ledger knows of it; the names written, config.json last.

    Raises NotFound where storage does not hold it, InvalidInput for what is no licence, or no place to write to.
    """
    objects = cascade_files(row.digest, storage=storage)
    origins = origins_of(row.digest, ledger=ledger, storage=storage)
    card = model_card(row, json.loads(objects[CONFIG_FILE]), origins=origins, licence=licence)
    about = {
        "license": check_licence(licence),
        "cascade_digest": row.digest,
        "stages_from": [dataclasses.asdict(stage) for stage in origins.stages],
    }
    return write_folder(folder, objects, card=card, about=about)


def cascade_files(digest: str, *, storage: Storage) -> dict[str, bytes]:
    """The stored objects of a cascade by name. Raises NotFound where storage does not hold it."""
    prefix = keys.cascade(digest)
    found = {info.key.removeprefix(prefix): storage.get(info.key) for info in storage.list(prefix)}
    if CONFIG_FILE not in found:
        raise NotFound(f"storage holds no cascade {digest}")
    return found


def write_folder(folder: Path, objects: Mapping[str, bytes], *, card: str, about: Mapping[str, Any]) -> list[str]:
    """Write a cascade's objects and its card; the names written, config.json last.

    about: what config.json says beside the cascade (licence, digest, where it comes from). Raises InvalidInput where
    the folder holds other files, which would be uploaded with it, or cannot be written.
    """
    weights = sorted(set(objects) - {CONFIG_FILE})
    config = {
        "architectures": ["PortraitCascade"],
        "model_type": MODEL_TYPE,
        "library_name": LIBRARY,
        **about,
        "weight_files": weights,
        "cascade": json.loads(objects[CONFIG_FILE]),
    }
    bodies = {name: objects[name] for name in weights}
    bodies[CARD] = card.encode()
    bodies[HUB_CONFIG] = (json.dumps(config, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
    _check_is_ours(folder, set(bodies))
    for name, body in bodies.items():
        write_whole(folder / name, body)
    return list(bodies)


def read_folder(folder: Path, *, max_bytes: int) -> Found:
    """Read a folder as if a stranger had sent it. Nothing is unpickled, no link is followed.

    Raises CascadeInvalid naming the file that is missing, a link, of another kind or changed; TooLarge beyond
    `max_bytes` in all.
    """
    names = _names_in(folder)
    pickled = [name for name in names if name.lower().endswith(_PICKLED)]
    if pickled:
        told = "can run code when it is opened; safetensors alone are read here: remove it, or ask for those"
        raise _refused([Problem(name, told) for name in pickled[:MAX_NAMED]])
    config = _config(_read(folder, HUB_CONFIG, max_bytes=MAX_CONFIG_BYTES))
    body = _cascade_json(config)
    weights = _weight_names(config)
    missing = [name for name in weights if name not in names]
    if missing:
        raise _refused([Problem(name, f"is missing; {HUB_CONFIG} names it") for name in missing])
    objects, left = {CONFIG_FILE: body}, max_bytes - len(body)
    for name in weights:
        objects[name] = _read(folder, name, max_bytes=left)
        left -= len(objects[name])
    archive = io.BytesIO()
    pack(objects.items(), archive)
    ignored = tuple(name for name in names if name not in {HUB_CONFIG, CARD, *weights})
    return Found(archive=archive.getvalue(), digest=hashlib.sha256(body).hexdigest(), ignored=ignored)


def _names_in(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in folder.iterdir())
    except OSError as error:
        raise InvalidInput(f"{folder} cannot be read", problems=[Problem("", error.strerror or str(error))]) from error


def _read(folder: Path, name: str, *, max_bytes: int) -> bytes:
    """One file of the folder itself: no link, no device, no more than `max_bytes`."""
    try:
        descriptor = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError as error:
        raise _refused([Problem(name, "is missing")]) from error
    except OSError as error:
        if (folder / name).is_symlink():
            told = "is a link; the files must lie in the folder itself, as `hf download … --local-dir DIR` writes them"
            raise _refused([Problem(name, told)]) from error
        raise _refused([Problem(name, f"cannot be read: {error.strerror}")]) from error
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise _refused([Problem(name, "is no file")])
        if found.st_size > max_bytes:
            raise TooLarge(f"{folder / name} has {found.st_size:,} bytes; this farm takes {max_bytes:,} more")
        body = file.read(max_bytes + 1)
    if len(body) > max_bytes:
        raise TooLarge(f"{folder / name} grew while it was read")
    return body


def _config(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _refused([Problem(HUB_CONFIG, f"is not JSON: {error}")]) from error
    if not isinstance(value, dict) or value.get("model_type") != MODEL_TYPE:
        found = value.get("model_type") if isinstance(value, dict) else None
        told = f"model_type is {str(found)[:60]!r}, not {MODEL_TYPE!r}: this is not a cascade of a portrait farm"
        raise _refused([Problem(HUB_CONFIG, told)])
    return value


def _cascade_json(config: Mapping[str, Any]) -> bytes:
    """The bytes of cascade.json, whose sha256 is the digest that config.json tells."""
    try:
        body = canonical_json(config.get("cascade"))
    except (ValueError, RecursionError) as error:
        raise _refused([Problem(f"{HUB_CONFIG}: cascade", f"cannot be written canonically: {error}")]) from error
    found = hashlib.sha256(body).hexdigest()
    if config.get("cascade_digest") != found:
        told = f"has the digest {found}, not the one told beside it: somebody changed it"
        raise _refused([Problem(f"{HUB_CONFIG}: cascade", told)])
    return body


def _weight_names(config: Mapping[str, Any]) -> list[str]:
    names = config.get("weight_files")
    if not isinstance(names, list) or not names or len(set(map(str, names))) < len(names):
        raise _refused([Problem(f"{HUB_CONFIG}: weight_files", "must be a list of file names, none twice")])
    for name in names:
        if not isinstance(name, str) or not _WEIGHTS.fullmatch(name):
            told = f"{str(name)[:80]!r} is no file of a cascade: 0-base.safetensors, 1-upscaler.safetensors, …"
            raise _refused([Problem(f"{HUB_CONFIG}: weight_files", told)])
    return names


def _check_is_ours(folder: Path, names: set[str]) -> None:
    """Files beginning with a dot are left alone: git's, the hub's."""
    there = _names_in(folder) if folder.exists() else []
    others = [name for name in there if name not in names and not name.startswith(".")]
    if others:
        told = f"holds {others[0]!r}, which an upload would carry along; name an empty or a new folder"
        raise InvalidInput(f"{folder} cannot be written", problems=[Problem("", told)])


def _refused(found: list[Problem]) -> CascadeInvalid:
    """A file's name is no path into what was sent, at whose dots a field is taken apart: it goes into the words."""
    problems = [Problem("", f"{problem.field} {problem.message}") for problem in found]
    return CascadeInvalid("this is not a cascade's folder", problems=problems)
