"""One frozen model per kind of job. Names are resolved to digests by the service before a job is stored."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic_core import ErrorDetails

from farm.errors import InvalidInput, Problem
from farm.recipe import SEED_LIMIT
from farm.specs.evaluation import CertifySpec, CompareSpec, EvaluateSpec, job_number
from farm.specs.fields import MAX_SIZE_PX, CascadeReference, Digest, Name, Seed, Spec
from farm.specs.film import FilmSpec, PathSpec
from farm.specs.giant import GiantSpec, UpscaleSpec
from farm.specs.policy import DEFAULT_POLICY, PolicySpec
from farm.specs.seeded import RankSpec, SeededSpec, SelectSpec

JobKind = Literal[
    "curate",
    "train",
    "assemble",
    "import",
    "onnx",
    "render",
    "giant",
    "upscale",
    "film",
    "select",
    "rank",
    "verify",
    "reverdict",
    "evaluate",
    "compare",
    "certify",
]


class CurateSpec(Spec):
    """Look at every photo of an intake list and write a dataset version."""

    kind: Literal["curate"] = "curate"
    dataset: Name
    intake: Digest = Field(description="sha256 of the intake list in storage: photos in order, and people where known")
    photos: int = Field(ge=1, le=10_000_000, description="how many photos the list names")
    policy: PolicySpec = Field(default=DEFAULT_POLICY, description="what is good enough")
    min_native_px: int | None = Field(None, ge=16, le=4096, description="in place of the policy's")


class ReverdictSpec(Spec):
    """Judge a dataset version by another policy, or by its reviewers: a new version, without reading a photo."""

    kind: Literal["reverdict"] = "reverdict"
    dataset: Name
    of_version: int | None = Field(None, ge=1, lt=10**6, description="the version judged again; None: the newest")
    policy: PolicySpec | None = Field(None, description="what is good enough; None: that version's own")
    labels: Digest | None = Field(None, description="sha256 of an uploaded object of reviewers' labels")


class TrainSpec(Spec):
    """Train one stage: a run, as a chain of slices."""

    kind: Literal["train"] = "train"
    run: Name
    stage: Literal["base", "upscaler"]
    dataset: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}(@\d{1,6})?$", description="name or name@version")
    preset: Name
    schedule: Literal["published", "fast"] | None = Field(
        None, description="a base's dials: R3GAN's at the run's length, or faster ones; None: the preset's own"
    )
    stage_before: Name | None = Field(
        None, description="run whose outputs an upscaler also learns on; None: photos only"
    )
    total_nimg: int | None = Field(None, ge=1, le=10**9, description="images shown in all; None: the preset's")
    slice_nimg: int | None = Field(None, ge=1, le=10**8, description="images shown per slice; None: the preset's")
    seed: Seed = 0
    checkpoint: Digest | None = Field(None, description="sha256 of an uploaded checkpoint's state.json to go on from")
    branch: str | None = Field(
        None,
        pattern=r"^[a-z0-9][a-z0-9._-]{0,63}(@\d{1,10})?$",
        description="RUN or RUN@IMAGES: begin at that run's last checkpoint, or at the last one up to so many images",
    )
    from_cascade: CascadeReference | None = Field(
        None, description="begin at image 0 with this cascade's weights: a base's with its judge's, or an upscaler's"
    )
    start_nimg: int = Field(0, ge=0, le=10**9, description="images that checkpoint has seen; read from it")
    gamma_factor: float = Field(1.0, ge=0.01, le=100.0, description="times the preset's weight of R1 and R2, all along")
    lr_factor: float = Field(1.0, ge=0.01, le=100.0, description="times the preset's step size, all along")


class AssembleSpec(Spec):
    """Freeze trained runs into a cascade version."""

    kind: Literal["assemble"] = "assemble"
    cascade: Name
    runs: tuple[Name, ...] = Field(
        min_length=1,
        max_length=8,
        description="base first, then upscalers in order; a sha256 names an uploaded checkpoint's state.json instead",
    )


class ImportSpec(Spec):
    """Check an uploaded cascade archive and keep it."""

    kind: Literal["import"] = "import"
    cascade: Name
    intake: Digest = Field(description="sha256 of the archive in storage")


class OnnxSpec(Spec):
    """Write a cascade as one ONNX graph, and check it against torch."""

    kind: Literal["onnx"] = "onnx"
    cascade: CascadeReference
    size_px: int | None = Field(None, ge=4, le=MAX_SIZE_PX, description="a stage's size; None: the last stage's")


class RenderSpec(SeededSpec):
    """Portraits of a cascade for a set of seeds, at any size it reaches by its stages and its last stage again."""

    kind: Literal["render"] = "render"
    path: PathSpec | None = Field(None, description="a point between keyframes, as a film's frame: not the seed's own")

    @model_validator(mode="after")
    def _the_path_goes_from_the_seed(self) -> "RenderSpec":
        if self.path is not None and self.seeds != str(self.path.keys[1]):
            raise ValueError(f"a point on a path is one portrait: seeds must be {self.path.keys[1]}, its second key")
        if self.path is not None and self.candidates > 1:
            raise ValueError("a point on a path is no choice among candidates")
        return self


class VerifySpec(Spec):
    """Paint some portraits of a render job again, and compare them with what is stored."""

    kind: Literal["verify"] = "verify"
    job: int = Field(ge=1, lt=SEED_LIMIT, description="the render job")
    sample: int | None = Field(None, ge=1, description="how many, evenly spread; None: all of them")


JobSpec = (
    CurateSpec
    | TrainSpec
    | AssembleSpec
    | ImportSpec
    | OnnxSpec
    | RenderSpec
    | GiantSpec
    | UpscaleSpec
    | FilmSpec
    | SelectSpec
    | RankSpec
    | VerifySpec
    | ReverdictSpec
    | EvaluateSpec
    | CompareSpec
    | CertifySpec
)
PortraitSpec = RenderSpec | FilmSpec
"""Jobs whose every unit has a recipe that the spec alone says."""
_ADAPTER: TypeAdapter[JobSpec] = TypeAdapter(Annotated[JobSpec, Field(discriminator="kind")])


# NaN stays NaN, and is refused where a number is read; as null it would pass for what was not told.
_PLAIN = TypeAdapter(dict[str, Any], config=ConfigDict(ser_json_inf_nan="constants"))


def parse_spec(value: Mapping[str, Any]) -> JobSpec:
    """A job spec from plain JSON.

    Raises InvalidInput naming every wrong field at once.
    """
    try:
        return _ADAPTER.validate_json(_dump(value))
    except ValidationError as error:
        raise InvalidInput("the job has mistakes", problems=problems_of(error)) from error


def jobs_named(spec: JobSpec) -> tuple[int, ...]:
    """The jobs that an evaluation reads portraits of."""
    match spec:
        case EvaluateSpec() | CompareSpec():
            found = (job_number(reference) for group in spec.groups for reference in group)
            return tuple(number for number in found if number is not None)
        case CertifySpec():
            return (spec.job,)
        case _:
            return ()


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
        return _PLAIN.dump_json(dict(value), warnings=False)
    except (TypeError, ValueError) as error:
        raise InvalidInput("the job is not plain JSON", problems=[Problem("", str(error))]) from error
