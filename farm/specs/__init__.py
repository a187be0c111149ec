"""What a user may ask for: frozen values, unknown fields refused, every mistake told at once with its field."""

from farm.specs.evaluation import CertifySpec, CompareSpec, EvaluateSpec, Evaluation
from farm.specs.fields import MAX_SIZE_PX, ONE_TASK_PX, is_digest
from farm.specs.film import FilmSpec, PathSpec
from farm.specs.giant import GiantSpec, UpscaleSpec, as_giant
from farm.specs.jobs import (
    AssembleSpec,
    CurateSpec,
    ImportSpec,
    JobKind,
    JobSpec,
    OnnxSpec,
    PortraitSpec,
    RenderSpec,
    ReverdictSpec,
    TrainSpec,
    VerifySpec,
    jobs_named,
    parse_spec,
)
from farm.specs.policy import PolicySpec
from farm.specs.seeded import Rank, RankSpec, SeededSpec, SelectSpec
from farm.specs.seeds import SeedRange, parse_seeds

__all__ = [
    "MAX_SIZE_PX",
    "ONE_TASK_PX",
    "AssembleSpec",
    "CertifySpec",
    "CompareSpec",
    "CurateSpec",
    "EvaluateSpec",
    "Evaluation",
    "FilmSpec",
    "GiantSpec",
    "ImportSpec",
    "JobKind",
    "JobSpec",
    "OnnxSpec",
    "PathSpec",
    "PolicySpec",
    "PortraitSpec",
    "Rank",
    "RankSpec",
    "RenderSpec",
    "ReverdictSpec",
    "SeedRange",
    "SeededSpec",
    "SelectSpec",
    "TrainSpec",
    "UpscaleSpec",
    "VerifySpec",
    "as_giant",
    "is_digest",
    "jobs_named",
    "parse_seeds",
    "parse_spec",
]
