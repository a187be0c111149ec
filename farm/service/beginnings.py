"""Where a run begins: at image 0, at an uploaded checkpoint, at one of another run, or with a cascade's weights."""

from collections.abc import Iterable, Sequence

from farm.errors import InvalidInput, NotFound, Problem
from farm.ledger import Ledger
from farm.ledger.rows import CascadeRow
from farm.service import checkpoints
from farm.service.choosing import is_judged
from farm.specs import TrainSpec
from farm.specs.presets import Preset, find_preset
from farm.storage import Storage

SHOWN_NAMES = 10
FIELDS = ("checkpoint", "branch", "from_cascade")


def beginning(spec: TrainSpec, preset: Preset | None, *, ledger: Ledger, storage: Storage) -> TrainSpec:
    """The spec with its beginning made exact: RUN@IMAGES, a cascade's digest, and the images seen so far.

    preset: the run's, None where it is unknown. Raises InvalidInput naming each field that points nowhere.
    """
    asked = [field for field in FIELDS if getattr(spec, field) is not None]
    if len(asked) > 1:
        told = f"a run begins at one place: leave out this one or {', '.join(asked[:-1])}"
        raise InvalidInput("the job has mistakes", problems=[Problem(asked[-1], told)])
    if spec.branch is not None:
        return _at_a_run(spec, spec.branch, preset, ledger)
    if spec.from_cascade is not None:
        return _at_a_cascade(spec, spec.from_cascade, preset, ledger)
    if spec.checkpoint is not None:
        return spec.model_copy(update={"start_nimg": checkpoints.uploaded_nimg(spec.checkpoint, storage=storage)})
    return spec.model_copy(update={"start_nimg": 0})


def _at_a_run(spec: TrainSpec, branch: str, preset: Preset | None, ledger: Ledger) -> TrainSpec:
    """At its last checkpoint, or its last one up to so many images."""
    name, _, wanted = branch.partition("@")
    try:
        parent = run_preset(name, ledger)
    except InvalidInput as error:
        raise _refused("branch", *(item.message for item in error.problems)) from error
    problems = []
    if preset is not None and not parent.same_networks(preset):
        problems.append(f"{name} was trained by {parent.name}, whose networks {preset.name} has not")
    ends = [made.end_nimg for made in ledger.slices(name)]
    reached = [end for end in ends if not wanted or end <= int(wanted)]
    if not reached:
        known = ", ".join(f"{end}" for end in ends[:8])
        problems.append(f"{name} has no checkpoint up to {int(wanted):,} images; it has {known}")
    if problems:
        raise _refused("branch", *problems)
    return spec.model_copy(update={"branch": f"{name}@{reached[-1]}", "start_nimg": reached[-1]})


def _at_a_cascade(spec: TrainSpec, reference: str, preset: Preset | None, ledger: Ledger) -> TrainSpec:
    """With the weights of its stage, at image 0; a worker looks closer whether the networks are equal."""
    row = cascade_of(reference, ledger, field="from_cascade")
    problems = []
    if spec.stage == "base" and not is_judged(row):
        problems.append(f"{row.name}@{row.version} carries no judge, and a painter learns nothing without one")
    sizes_px = [int(stage["size_px"]) for stage in row.config["stages"]]
    found = _stages(sizes_px)[:1] if spec.stage == "base" else _stages(sizes_px)[1:]
    if preset is not None and (preset.input_px, preset.size_px) not in found:
        told = " and ".join(_in_words(*each) for each in found)
        problems.append(f"its {spec.stage} {told}, {preset.name} {_in_words(preset.input_px, preset.size_px)}")
    if problems:
        raise _refused("from_cascade", *problems)
    return spec.model_copy(update={"from_cascade": row.digest, "start_nimg": 0})


def _stages(sizes_px: Sequence[int]) -> list[tuple[int | None, int]]:
    """From what side to what side each stage of a cascade paints; from None, the base."""
    return list(zip([None, *sizes_px], sizes_px, strict=False))


def _in_words(from_px: int | None, to_px: int) -> str:
    return f"paints {to_px} px" if from_px is None else f"enlarges {from_px} px to {to_px} px"


def run_preset(run: str, ledger: Ledger) -> Preset:
    """The preset a run was trained with.

    Raises InvalidInput where the run is unknown, or has no checkpoint yet.
    """
    try:
        row = ledger.run(run)
    except NotFound as error:
        raise _refused("runs", f"no run {run!r}; {known_names(known.name for known in ledger.runs())}") from error
    if row.nimg == 0:
        raise _refused("runs", f"{run!r} has no checkpoint yet; wait for its first slice")
    return find_preset(str(row.config["preset"]), stage=row.stage)


def cascade_of(reference: str, ledger: Ledger, *, field: str) -> CascadeRow:
    """The cascade named. Raises InvalidInput naming the field, where there is none."""
    try:
        return ledger.cascade(reference)
    except NotFound as error:
        names = known_names(
            (f"{known.name}@{known.version}" for known in ledger.cascades()),
            none="there is none yet: `farm cascade import NAME FILE` takes one, `farm cascade assemble` makes one",
        )
        raise _refused(field, f"no cascade {reference!r}; {names}") from error


def known_names(names: Iterable[str], *, none: str = "there is none yet") -> str:
    """What there is instead, for a name that points nowhere."""
    found = sorted(set(names))
    if not found:
        return none
    more = f" and {len(found) - SHOWN_NAMES} more" if len(found) > SHOWN_NAMES else ""
    return f"there is {', '.join(found[:SHOWN_NAMES])}{more}"


def _refused(field: str, *messages: str) -> InvalidInput:
    return InvalidInput("the job has mistakes", problems=[Problem(field, message) for message in messages])
