"""Names a user wrote → what the ledger keeps: digests, versions, lengths. Every mistake is told at once."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from farm.errors import InvalidInput, NotFound, Problem
from farm.ledger import Ledger
from farm.ledger.rows import CascadeRow
from farm.ledger.states import TERMINAL_JOB_STATES, JobState
from farm.planning import has_texture, reachable_px, sizes_px, told_reach
from farm.service import checkpoints, datasets, evaluations, giants
from farm.service.beginnings import beginning, cascade_of, known_names, run_preset
from farm.service.choosing import is_judged, resolve_ranking, resolve_selection
from farm.service.graphs import resolve_onnx
from farm.specs import (
    AssembleSpec,
    CertifySpec,
    CompareSpec,
    CurateSpec,
    EvaluateSpec,
    FilmSpec,
    GiantSpec,
    ImportSpec,
    JobSpec,
    OnnxSpec,
    RankSpec,
    RenderSpec,
    ReverdictSpec,
    SeededSpec,
    SelectSpec,
    TrainSpec,
    UpscaleSpec,
    VerifySpec,
    is_digest,
)
from farm.specs.intake import parse_intake
from farm.specs.kinds import PLANNED_KINDS
from farm.specs.presets import Preset, find_preset
from farm.storage import Storage, keys

T = TypeVar("T")


def resolve(spec: JobSpec, *, ledger: Ledger, storage: Storage) -> JobSpec:
    """The same job with every name resolved and every reference known to exist.

    Raises InvalidInput naming each field that points nowhere or does not fit another.
    """
    match spec:
        case RenderSpec() | FilmSpec() | GiantSpec():
            return spec.model_copy(update=_within_reach(spec, ledger))
        case UpscaleSpec():
            row = cascade_of(spec.cascade, ledger, field="cascade")
            update = {"cascade": row.digest, "texture": _texture(spec, row)}
            return giants.with_photo(spec.model_copy(update=update), storage=storage)
        case TrainSpec():
            return _train(spec, ledger, storage)
        case AssembleSpec():
            return _assemble(spec, ledger, storage)
        case CurateSpec() | ReverdictSpec() | ImportSpec():
            return _of_uploads(spec, ledger, storage)
        case VerifySpec() | RankSpec() | EvaluateSpec() | CompareSpec() | CertifySpec():
            return _about_others(spec, ledger, storage)
        case OnnxSpec():
            return resolve_onnx(spec, cascade_of(spec.cascade, ledger, field="cascade"))
        case SelectSpec():
            return resolve_selection(spec.model_copy(update=_within_reach(spec, ledger)), ledger)


def _about_others(
    spec: VerifySpec | RankSpec | EvaluateSpec | CompareSpec | CertifySpec, ledger: Ledger, storage: Storage
) -> JobSpec:
    """Jobs about what other jobs left."""
    match spec:
        case VerifySpec():
            return _verify(spec, ledger)
        case RankSpec():
            return resolve_ranking(spec, ledger)
        case CertifySpec():
            return evaluations.resolve_certification(spec, ledger=ledger)
        case EvaluateSpec() | CompareSpec():
            return evaluations.resolve_evaluation(spec, ledger=ledger, storage=storage)


def _of_uploads(spec: CurateSpec | ReverdictSpec | ImportSpec, ledger: Ledger, storage: Storage) -> JobSpec:
    """Jobs about what was sent ahead of them."""
    match spec:
        case CurateSpec():
            return _curate(spec, storage)
        case ReverdictSpec():
            return datasets.resolve_reverdict(spec, ledger=ledger, storage=storage)
        case ImportSpec():
            return _import(spec, storage)


Painting = RenderSpec | FilmSpec | GiantSpec | UpscaleSpec | SelectSpec


def _within_reach(spec: RenderSpec | FilmSpec | GiantSpec | SelectSpec, ledger: Ledger) -> dict[str, object]:
    """The cascade's digest and the texture, for the spec, where it reaches the size and has what the spec asks for."""
    row = cascade_of(spec.cascade, ledger, field="cascade")
    reached = reachable_px(sizes_px(row.config))
    if spec.size_px > reached[-1]:
        told = f"{spec.size_px} is beyond the reach of {row.name}@{row.version}: {told_reach(reached)}"
        raise _refused([Problem("size_px", told)])
    if isinstance(spec, SeededSpec) and spec.candidates > 1 and not is_judged(row):
        raise _refused([Problem("candidates", f"{row.name}@{row.version} has no judge to choose by")])
    return {"cascade": row.digest, "texture": _texture(spec, row)}


def _texture(spec: Painting, row: CascadeRow) -> float | None:
    """What the spec asks for; a film whose noise moves has the middle one, where it names none: all frames the same."""
    textured = has_texture(row.config)
    if spec.texture is not None and not textured:
        raise _refused([Problem("texture", f"{row.name}@{row.version} was taught no texture; leave it out")])
    moving = isinstance(spec, FilmSpec) and spec.noise == "moving"
    return 0.0 if moving and textured and spec.texture is None else spec.texture


def _train(spec: TrainSpec, ledger: Ledger, storage: Storage) -> TrainSpec:
    problems: list[Problem] = []
    preset = _tried(problems, lambda: find_preset(spec.preset, stage=spec.stage))
    dataset = _tried(problems, lambda: _dataset(spec.dataset, ledger))
    if spec.schedule is not None and spec.stage != "base":
        problems.append(Problem("schedule", "only a base has a choice of schedules: leave it out"))
    if spec.stage_before is not None:
        problems += _before(spec, preset, ledger)
    begun = _tried(problems, lambda: beginning(spec, preset, ledger=ledger, storage=storage))
    if preset is None or begun is None or problems:
        raise _refused(problems)
    total = spec.total_nimg or preset.total_nimg
    if begun.start_nimg >= total:
        field = "branch" if begun.branch else "checkpoint"
        raise _refused([Problem(field, f"it has seen {begun.start_nimg:,} images; the run ends at {total:,}")])
    slice_nimg = min(spec.slice_nimg or preset.slice_nimg, total)
    return begun.model_copy(update={"dataset": dataset, "total_nimg": total, "slice_nimg": slice_nimg})


def _dataset(reference: str, ledger: Ledger) -> str:
    name, _, version = reference.partition("@")
    try:
        row = ledger.dataset(name, int(version) if version else None)
    except NotFound as error:
        names = (f"{known.name}@{known.version}" for known in ledger.datasets())
        raise _refused([Problem("dataset", f"no dataset {reference!r}; {known_names(names)}")]) from error
    if row.kept == 0:
        raise _refused([Problem("dataset", f"{row.name}@{row.version} kept no photo: nothing can be learned from it")])
    return f"{row.name}@{row.version}"


def _before(spec: TrainSpec, preset: Preset | None, ledger: Ledger) -> list[Problem]:
    """What is wrong with the run an upscaler wants to follow."""
    if spec.stage == "base":
        return [Problem("stage_before", "a base has no stage before it; leave it out")]
    try:
        before = run_preset(str(spec.stage_before), ledger)
    except InvalidInput as error:
        return [Problem("stage_before", item.message) for item in error.problems]
    if preset is not None and before.size_px != preset.input_px:
        wanted = f"{spec.preset} enlarges pictures of {preset.input_px} px"
        return [Problem("stage_before", f"{wanted}, but {spec.stage_before} paints {before.size_px} px")]
    return []


def _assemble(spec: AssembleSpec, ledger: Ledger, storage: Storage) -> AssembleSpec:
    """Base first, then upscalers, each starting at the size the one before it paints."""
    problems: list[Problem] = []
    size_px: int | None = None
    for index, run in enumerate(spec.runs):
        where = f"runs.{index}"
        try:
            preset = checkpoints.uploaded_preset(run, storage=storage) if is_digest(run) else run_preset(run, ledger)
        except InvalidInput as error:
            problems += [Problem(where, item.message) for item in error.problems]
            size_px = None
            continue
        if (preset.stage == "base") != (index == 0):
            problems.append(Problem(where, f"{run} is the {preset.stage} kind; a cascade is one base, then upscalers"))
        elif index and size_px is not None and preset.input_px != size_px:
            wanted = f"{run} starts from {preset.input_px} px"
            problems.append(Problem(where, f"{wanted}, but the stage before it paints {size_px} px"))
        size_px = preset.size_px
    if problems:
        raise _refused(problems)
    return spec


def _curate(spec: CurateSpec, storage: Storage) -> CurateSpec:
    try:
        intake = parse_intake(storage.get(keys.intake(spec.intake)))
    except NotFound as error:
        raise _refused([Problem("intake", "was not uploaded; send the list to /v1/intakes first")]) from error
    except InvalidInput as error:
        raise _refused([Problem("intake", "is not a list of photos"), *error.problems]) from error
    if len(intake.photos) != spec.photos:
        raise _refused([Problem("photos", f"the list names {len(intake.photos)} photos, not {spec.photos}")])
    least = {} if spec.min_native_px is None else {"min_native_px": spec.min_native_px}
    return spec.model_copy(update={"policy": spec.policy.model_copy(update=least)})


def _import(spec: ImportSpec, storage: Storage) -> ImportSpec:
    if storage.head(keys.intake(spec.intake)) is None:
        raise _refused([Problem("intake", "was not uploaded; send the archive to /v1/intakes first")])
    return spec


def _verify(spec: VerifySpec, ledger: Ledger) -> VerifySpec:
    """The size of the sample becomes a number: what there is, at most."""
    try:
        job = ledger.get_job(spec.job)
    except NotFound as error:
        raise _refused([Problem("job", error.message)]) from error
    if job.kind not in PLANNED_KINDS:
        raise _refused([Problem("job", f"job {job.id} is a {job.kind} job: it has no portraits")])
    if job.state is JobState.DELETED:
        raise _refused([Problem("job", f"job {job.id} is deleted")])
    if job.state not in TERMINAL_JOB_STATES:
        raise _refused([Problem("job", f"job {job.id} is {job.state}; verify it when it has ended")])
    return spec.model_copy(update={"sample": min(spec.sample or job.total, job.total)})


def _tried(problems: list[Problem], find: Callable[[], T]) -> T | None:
    """What `find` found, or None with its mistakes put beside the others."""
    try:
        return find()
    except InvalidInput as error:
        problems += error.problems
        return None


def _refused(problems: Sequence[Problem]) -> InvalidInput:
    return InvalidInput("the job has mistakes", problems=problems)
