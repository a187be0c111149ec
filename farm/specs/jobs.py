"""One frozen model per kind of job. Names are resolved to digests by the service before a job is stored."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator
from pydantic_core import ErrorDetails

from farm.errors import InvalidInput, Problem
from farm.recipe import SEED_LIMIT
from farm.specs.seeds import parse_seeds

JobKind = Literal["curate", "train", "assemble", "import", "render", "verify"]

NAME = r"^[a-z0-9][a-z0-9._-]{0,63}$"
"""Names of datasets, runs and cascades: they become parts of storage keys."""
DIGEST = r"^[0-9a-f]{64}$"

MAX_SIZE_PX = 4096
"""The largest portrait there is: one task paints it, window by window, but holds its pixels whole (50 MB; the next
doubling has 200 MB and takes a worker four times as long). Larger ones will be spread over workers."""


def is_digest(text: str) -> bool:
    """True for a sha256 in hex: where a name may stand too, it means an upload."""
    return re.fullmatch(DIGEST, text, re.ASCII) is not None


Name = Annotated[str, Field(pattern=NAME)]
Digest = Annotated[str, Field(pattern=DIGEST)]
Seed = Annotated[int, Field(ge=0, lt=SEED_LIMIT)]


class _Spec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class CurateSpec(_Spec):
    """Look at every photo of an intake list and write a dataset version."""

    kind: Literal["curate"] = "curate"
    dataset: Name
    intake: Digest = Field(description="sha256 of the intake list in storage: photos in order, and people where known")
    photos: int = Field(ge=1, le=10_000_000, description="how many photos the list names")
    min_native_px: int = Field(64, ge=16, le=4096, description="a face of less true detail teaches no stage")


class TrainSpec(_Spec):
    """Train one stage: a run, as a chain of slices."""

    kind: Literal["train"] = "train"
    run: Name
    stage: Literal["base", "upscaler"]
    dataset: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}(@\d{1,6})?$", description="name or name@version")
    preset: Name
    stage_before: Name | None = Field(
        None, description="run whose outputs an upscaler also learns on; None: photos only"
    )
    total_nimg: int | None = Field(None, ge=1, le=10**9, description="images shown in all; None: the preset's")
    slice_nimg: int | None = Field(None, ge=1, le=10**8, description="images shown per slice; None: the preset's")
    seed: Seed = 0
    checkpoint: Digest | None = Field(None, description="sha256 of an uploaded checkpoint's state.json to go on from")
    start_nimg: int = Field(0, ge=0, le=10**9, description="images that checkpoint has seen; read from it")


class AssembleSpec(_Spec):
    """Freeze trained runs into a cascade version."""

    kind: Literal["assemble"] = "assemble"
    cascade: Name
    runs: tuple[Name, ...] = Field(
        min_length=1,
        max_length=8,
        description="base first, then upscalers in order; a sha256 names an uploaded checkpoint's state.json instead",
    )


class ImportSpec(_Spec):
    """Check an uploaded cascade archive and keep it."""

    kind: Literal["import"] = "import"
    cascade: Name
    intake: Digest = Field(description="sha256 of the archive in storage")


class RenderSpec(_Spec):
    """Portraits of a cascade for a set of seeds, at any size it reaches by its stages and its last stage again."""

    kind: Literal["render"] = "render"
    cascade: str = Field(
        pattern=r"^([0-9a-f]{64}|[a-z0-9][a-z0-9._-]{0,63}(@\d{1,6})?)$", description="name, name@version or digest"
    )
    seeds: str = Field(max_length=50_000, description="7 or 0..99 or 0..9,20..29; ends included")
    size_px: int = Field(ge=8, json_schema_extra={"maximum": MAX_SIZE_PX}, description="side of the square portrait")
    psi: float = Field(1.0, ge=0, le=1.5, description="truncation: lower is more ordinary, higher more various")
    noise_seed: Seed | None = Field(None, description="None: each portrait's own seed")
    sigma: float = Field(0.0, ge=0, le=1, description="noise added before each enlargement")

    @field_validator("psi", "sigma", mode="before")
    @classmethod
    def _whole_numbers_are_numbers(cls, value: Any) -> Any:
        whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53
        return float(value) if whole else value

    @field_validator("size_px")
    @classmethod
    def _one_worker_paints_it(cls, value: int) -> int:
        if value > MAX_SIZE_PX:
            raise ValueError(f"at most {MAX_SIZE_PX}: a larger portrait would have to be spread over several workers")
        return value

    @field_validator("seeds")
    @classmethod
    def _seeds_parse(cls, value: str) -> str:
        try:
            return ",".join(map(str, parse_seeds(value)))
        except InvalidInput as error:
            raise ValueError("; ".join(p.message for p in error.problems)) from error


class VerifySpec(_Spec):
    """Paint some portraits of a render job again, and compare them with what is stored."""

    kind: Literal["verify"] = "verify"
    job: int = Field(ge=1, lt=SEED_LIMIT, description="the render job")
    sample: int | None = Field(None, ge=1, description="how many, evenly spread; None: all of them")


JobSpec = CurateSpec | TrainSpec | AssembleSpec | ImportSpec | RenderSpec | VerifySpec
_ADAPTER: TypeAdapter[JobSpec] = TypeAdapter(Annotated[JobSpec, Field(discriminator="kind")])


def parse_spec(value: Mapping[str, Any]) -> JobSpec:
    """A job spec from plain JSON.

    Raises InvalidInput naming every wrong field at once.
    """
    try:
        return _ADAPTER.validate_json(_dump(value))
    except ValidationError as error:
        raise InvalidInput("the job has mistakes", problems=problems_of(error)) from error


def problems_of(error: ValidationError) -> tuple[Problem, ...]:
    """pydantic's findings as our own."""
    return tuple(_problem(item) for item in error.errors(include_url=False))


def _problem(item: ErrorDetails) -> Problem:
    kinds = get_args(JobKind)
    if item["type"].startswith("union_tag"):
        return Problem("kind", f"must be one of {', '.join(kinds)}")
    # The union's branch is no part of what the user wrote.
    path = item["loc"][1:] if item["loc"] and item["loc"][0] in kinds else item["loc"]
    return Problem(".".join(map(str, path)), item["msg"].removeprefix("Value error, "))


def _dump(value: Mapping[str, Any]) -> bytes:
    try:
        return TypeAdapter(dict[str, Any]).dump_json(dict(value), warnings=False)
    except (TypeError, ValueError) as error:
        raise InvalidInput("the job is not plain JSON", problems=[Problem("", str(error))]) from error
