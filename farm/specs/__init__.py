"""What a user may ask for: frozen values, unknown fields refused, every mistake told at once with its field."""

from farm.specs.fields import MAX_SIZE_PX, is_digest
from farm.specs.film import FilmSpec, PathSpec
from farm.specs.jobs import (
    AssembleSpec,
    CurateSpec,
    ImportSpec,
    JobKind,
    JobSpec,
    PortraitSpec,
    RenderSpec,
    TrainSpec,
    VerifySpec,
    parse_spec,
)
from farm.specs.seeds import SeedRange, parse_seeds

__all__ = [
    "MAX_SIZE_PX",
    "AssembleSpec",
    "CurateSpec",
    "FilmSpec",
    "ImportSpec",
    "JobKind",
    "JobSpec",
    "PathSpec",
    "PortraitSpec",
    "RenderSpec",
    "SeedRange",
    "TrainSpec",
    "VerifySpec",
    "is_digest",
    "parse_seeds",
    "parse_spec",
]
