"""What evaluations, comparisons and certifications name, resolved: sides, photographs, size. Every mistake at once."""

import functools
import hashlib
from collections.abc import Callable, Iterable
from typing import TypeVar

from farm.errors import InvalidInput, NotFound, Problem
from farm.ledger import Ledger
from farm.ledger.rows import CascadeRow, Job
from farm.ledger.states import TERMINAL_JOB_STATES, JobState
from farm.planning import series_of, sizes_px
from farm.recipe import canonical_digest
from farm.service.photos_to_compare import photo_problems
from farm.specs import CertifySpec, CompareSpec, EvaluateSpec, Evaluation, RenderSpec, parse_spec
from farm.specs.evaluation import CHUNK, LEAST_PORTRAITS, LOOKS, PhotoSet, Source, Split, job_number
from farm.specs.presets import find_preset
from farm.storage import Storage, keys

T = TypeVar("T")
SHOWN_NAMES = 10
STATE_FILE = "state.json"
MAX_CERTIFIED = 100_000
"""Certificates of one job: each is two objects."""


def resolve_evaluation(spec: Evaluation, *, ledger: Ledger, storage: Storage) -> Evaluation:
    """Sides, photographs, size and number of portraits filled in.

    Raises InvalidInput naming every mistake: what is unknown, has no portraits yet, or does not fit the rest.
    """
    problems: list[Problem] = []
    several = isinstance(spec, CompareSpec)
    sources = []
    for place, group in enumerate(spec.groups):
        seed = spec.seeds[place] if isinstance(spec, CompareSpec) and spec.seeds else spec.seed
        find = _Finder(f"sides.{place}" if several else "of", ledger, storage)
        found = [_tried(problems, functools.partial(find, name)) for name in group]
        sources += [each.model_copy(update={"seed": seed}) for each in found if each is not None]
    if isinstance(spec, CompareSpec) and spec.claim == "recipe":
        problems += _recipe_problems(sources)
    photos = _tried(problems, lambda: _photos(spec.against, spec.split, ledger))
    size_px = _tried(problems, lambda: _common_size(spec.size_px, sources)) if sources else None
    if photos is not None and size_px is not None:
        problems += photo_problems(photos, size_px, storage=storage)
    if isinstance(spec, EvaluateSpec) and spec.extractor and storage.head(keys.intake(spec.extractor)) is None:
        problems.append(Problem("extractor", "was not uploaded; `--extractor FILE.onnx` does it, or POST /v1/intakes"))
    portraits = _tried(problems, lambda: _count(spec, sources, ledger))
    if problems:
        raise _refused(problems)
    return spec.model_copy(
        update={"sources": tuple(sources), "photos": photos, "size_px": size_px, "portraits": portraits}
    )


def resolve_certification(spec: CertifySpec, *, ledger: Ledger) -> CertifySpec:
    """The photographs and the size of the sample filled in. Raises InvalidInput naming every mistake."""
    problems: list[Problem] = []
    job = _tried(problems, lambda: _ended_render(spec.job, "job", ledger))
    photos = _tried(problems, lambda: _photos(spec.against, "train", ledger))
    if job is None or photos is None or problems:
        raise _refused(problems)
    sample = min(spec.sample or job.total, job.total)
    if sample > MAX_CERTIFIED:
        raise _refused([Problem("sample", f"at most {MAX_CERTIFIED:,} certificates in one job, not {sample:,}")])
    return spec.model_copy(update={"photos": photos, "sample": sample})


def _recipe_problems(sources: list[Source]) -> list[Problem]:
    """A recipe is told from runs, each of them another training."""
    told = [f"{each.name} is a {each.kind}: a recipe is told from runs" for each in sources if each.kind != "run"]
    digests = [each.digest for each in sources]
    twice = sorted({each.name for each in sources if digests.count(each.digest) > 1})
    told += [f"{name} stands twice: a recipe is told from trainings that differ in their seed" for name in twice]
    return [Problem("sides", each) for each in told]


class _Finder:
    """References → sources; mistakes are told of the field `where`."""

    def __init__(self, where: str, ledger: Ledger, storage: Storage) -> None:
        self._where, self._ledger, self._storage = where, ledger, storage

    def __call__(self, reference: str) -> Source:
        """Raises InvalidInput: unknown, two things of one name, or without portraits."""
        kind, _, name = reference.rpartition(":")
        number = job_number(reference)
        if kind == "job" or number is not None:
            return self._job(number or 0)
        makers: dict[str, Callable[[str], Source | None]] = {"run": self._run, "cascade": self._cascade}
        wanted = {kind: makers[kind]} if kind else makers
        found = [each for make in wanted.values() if (each := make(name)) is not None]
        if len(found) > 1:
            told = f"a run and a cascade are called {name!r}: write run:{name} or cascade:{name}"
            raise _refused([Problem(self._where, told)])
        if not found:
            raise _refused([Problem(self._where, f"nothing is called {reference!r}; {self._known()}")])
        return found[0]

    def _cascade(self, name: str) -> Source | None:
        try:
            row = self._ledger.cascade(name)
        except NotFound:
            return None
        sizes = sizes_px(row.config)
        return Source(
            name=f"{row.name}@{row.version}",
            kind="cascade",
            digest=row.digest,
            own_px=sizes[-1],
            base_px=sizes[0],
            faces=_faces(row, "from the first seed"),
        )

    def _run(self, name: str) -> Source | None:
        try:
            row = self._ledger.run(name)
        except NotFound:
            return None
        last = self._ledger.last_slice(name)
        if last is None:
            raise _refused([Problem(self._where, f"run {name} has no checkpoint yet; wait for its first slice")])
        try:
            state = self._storage.get(last.checkpoint_prefix + STATE_FILE)
        except NotFound as error:
            told = f"run {name}: its checkpoint is gone, there is no {last.checkpoint_prefix}{STATE_FILE}"
            raise _refused([Problem(self._where, told)]) from error
        preset = find_preset(str(row.config["preset"]), stage=row.stage)
        return Source(
            name=name,
            kind="run",
            digest=hashlib.sha256(state).hexdigest(),
            checkpoint=last.checkpoint_prefix,
            own_px=preset.size_px,
            base_px=preset.input_px or preset.size_px,
            input_px=preset.input_px,
            faces=canonical_digest("photographs") if preset.input_px else None,
        )

    def _job(self, number: int) -> Source:
        job = _ended_render(number, self._where, self._ledger)
        spec = parse_spec(job.spec)
        if not isinstance(spec, RenderSpec) or job.done < LEAST_PORTRAITS:
            told = f"job {job.id} has {job.done} portraits: at least {LEAST_PORTRAITS} are needed"
            raise _refused([Problem(self._where, told)])
        row = self._ledger.cascade(spec.cascade)
        sizes = sizes_px(row.config)
        return Source(
            name=f"job {job.id}",
            kind="job",
            digest=series_of(spec, sizes=sizes),
            job=job.id,
            own_px=spec.size_px,
            base_px=sizes[0],
            faces=_faces(row, [spec.seeds, spec.candidates]),
        )

    def _known(self) -> str:
        runs, cascades = (
            [row.name for row in self._ledger.runs()],
            [f"{row.name}@{row.version}" for row in self._ledger.cascades()],
        )
        return f"{_listed('run', runs)}, {_listed('cascade', cascades)}, and render jobs by their number"


def _faces(row: CascadeRow, seeds: object) -> str | None:
    """Names the faces that a base begins with, in their order; None where its weights are not told."""
    tensors = row.config.get("tensors")
    return canonical_digest([tensors[0], seeds]) if tensors else None


def _ended_render(number: int, where: str, ledger: Ledger) -> Job:
    """The render job. Raises InvalidInput where there is none, or where it goes on."""
    try:
        job = ledger.get_job(number)
    except NotFound as error:
        raise _refused([Problem(where, error.message)]) from error
    told = ""
    if job.kind != "render":
        told = f"job {number} is a {job.kind} job; portraits are read from render jobs"
    elif job.state is JobState.DELETED:
        told = f"job {number} is deleted"
    elif job.state not in TERMINAL_JOB_STATES:
        told = f"job {number} is {job.state}; ask again when it has ended"
    if told:
        raise _refused([Problem(where, told)])
    return job


def _photos(reference: str, split: Split, ledger: Ledger) -> PhotoSet:
    name, _, version = reference.partition("@")
    try:
        row = ledger.dataset(name, int(version) if version else None)
    except NotFound as error:
        names = [f"{known.name}@{known.version}" for known in ledger.datasets()]
        raise _refused([Problem("against", f"no dataset {reference!r}; {_listed('dataset', names)}")]) from error
    return PhotoSet(
        dataset=f"{row.name}@{row.version}",
        manifest_key=row.manifest_key,
        manifest_sha256=row.manifest_sha256,
        split=split,
        kept=row.kept,
    )


def _common_size(asked: int | None, sources: list[Source]) -> int:
    """The side at which all are measured: what was asked for, or what all of them paint."""
    own = sorted({each.own_px for each in sources})
    if asked is None and len(own) > 1:
        sizes = ", ".join(f"{each.name} {each.own_px} px" for each in sources)
        told = f"the sides are of different sizes ({sizes}); say at which to compare them, {own[0]} or less"
        raise _refused([Problem("size_px", told)])
    size = asked or own[0]
    small = [each for each in sources if each.own_px < size]
    if small:
        told = ", ".join(f"{each.name} has {each.own_px} px" for each in small)
        raise _refused([Problem("size_px", f"{size} px is more than there is: {told}; a picture is only ever reduced")])
    return size


def _count(spec: Evaluation, sources: list[Source], ledger: Ledger) -> int:
    """Portraits a side: as many as asked for, and no more than the least side has."""
    enlarged = [each for each in sources if each.input_px is not None]
    if enlarged and len(enlarged) < len(sources):
        other = next(each.name for each in sources if each.input_px is None)
        told = f"{enlarged[0].name} enlarges photographs and {other} paints faces of its own: compare like with like"
        raise _refused([Problem("sides", told)])
    if len({(each.input_px, each.own_px) for each in enlarged}) > 1:
        raise _refused(
            [Problem("sides", "these upscalers start from or lead to different sizes: compare like with like")]
        )
    has = [ledger.get_job(each.job).total for each in sources if each.job is not None]
    count = min([spec.portraits, *has])
    if isinstance(spec, CompareSpec) and spec.sequential:
        if enlarged:
            told = "upscalers are compared on all photographs at once: leave --sequential out"
            raise _refused([Problem("sequential", told)])
        if count < LOOKS * CHUNK:
            told = f"looking {LOOKS} times needs at least {LOOKS * CHUNK} portraits a side; there are {count}"
            raise _refused([Problem("sequential", told)])
    return count


def _listed(what: str, names: Iterable[str]) -> str:
    found = sorted(set(names))
    if not found:
        return f"there is no {what} yet"
    more = f" and {len(found) - SHOWN_NAMES} more" if len(found) > SHOWN_NAMES else ""
    return f"there is the {what} {', '.join(found[:SHOWN_NAMES])}{more}"


def _tried(problems: list[Problem], find: Callable[[], T]) -> T | None:
    """What `find` found, or None with its mistakes put beside the others."""
    try:
        return find()
    except InvalidInput as error:
        problems += error.problems
        return None


def _refused(problems: list[Problem]) -> InvalidInput:
    return InvalidInput("the job has mistakes", problems=problems)
