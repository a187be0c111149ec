"""What a user sends ahead of a job: a list of photos to curate, a cascade's archive, or a network that describes."""

import hashlib
from dataclasses import dataclass
from typing import Literal

from farm.errors import InvalidInput, Problem, TooLarge
from farm.service.archives import check_archive, is_archive
from farm.specs.intake import Intake, parse_intake
from farm.storage import Storage, keys

ONNX = b"\x08"
"""How an ONNX file begins: the field of its version. What uses it finds out whether it is one."""


@dataclass(frozen=True, kw_only=True)
class StoredIntake:
    """An upload in storage: name it by its sha256 in the job. `photos`: how many a list names, 0 for all else."""

    sha256: str
    holds: Literal["photos", "cascade", "network"]
    photos: int


def sha256_of(body: bytes) -> str:
    """sha256 of the bytes, in hex."""
    return hashlib.sha256(body).hexdigest()


def store_intake(body: bytes, *, storage: Storage, max_bytes: int) -> StoredIntake:
    """Check and keep what was sent.

    Raises InvalidInput (an archive: CascadeInvalid) naming the mistakes, TooLarge beyond `max_bytes`.
    """
    if len(body) > max_bytes:
        raise TooLarge(f"the upload has {len(body):,} bytes; this farm takes {max_bytes:,}")
    if is_archive(body):
        check_archive(body)
        sha256 = sha256_of(body)
        storage.put(keys.intake(sha256), body)
        return StoredIntake(sha256=sha256, holds="cascade", photos=0)
    if body[:1] == ONNX:
        sha256 = sha256_of(body)
        storage.put(keys.intake(sha256), body)
        return StoredIntake(sha256=sha256, holds="network", photos=0)
    if body.lstrip()[:1] != b"{":
        wanted = "send a JSON list of photos, an ONNX network, or the archive that `farm cascade export` writes"
        raise InvalidInput("this is no upload the farm knows", problems=[Problem("", wanted)])
    return store_list(parse_intake(body), storage=storage)


def store_list(intake: Intake, *, storage: Storage) -> StoredIntake:
    """Keep a list of photos, in the one form equal lists share."""
    body = intake.to_bytes()
    sha256 = sha256_of(body)
    storage.put(keys.intake(sha256), body)
    return StoredIntake(sha256=sha256, holds="photos", photos=len(intake.photos))
