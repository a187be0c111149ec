"""What a user may ask for: frozen values, unknown fields refused, every mistake told at once with its field."""

from farm.specs.jobs import (
    MAX_SIZE_PX,
    AssembleSpec,
    CurateSpec,
    ImportSpec,
    JobKind,
    JobSpec,
    RenderSpec,
    TrainSpec,
    VerifySpec,
    is_digest,
    parse_spec,
)
from farm.specs.seeds import SeedRange, parse_seeds

__all__ = [
    "MAX_SIZE_PX",
    "AssembleSpec",
    "CurateSpec",
    "ImportSpec",
    "JobKind",
    "JobSpec",
    "RenderSpec",
    "SeedRange",
    "TrainSpec",
    "VerifySpec",
    "is_digest",
    "parse_seeds",
    "parse_spec",
]
