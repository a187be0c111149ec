"""What finished jobs leave under names of their own, as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """One immutable dataset version."""

    name: str
    version: int
    manifest_key: str
    manifest_sha256: str
    kept: int
    dropped: int
    job_id: int


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training of one stage. `config` is the resolved configuration."""

    name: str
    stage: str
    config: Mapping[str, Any]
    job_id: int
    nimg: int
    """Images shown up to the last checkpoint."""


@dataclass(frozen=True, kw_only=True)
class Slice:
    """One accepted slice of a run: the checkpoint a later slice starts from."""

    run: str
    start_nimg: int
    end_nimg: int
    attempt: int
    checkpoint_prefix: str
    metrics: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class CascadeRow:
    """One cascade version. `config` is its cascade.json."""

    digest: str
    name: str
    version: int
    config: Mapping[str, Any]
