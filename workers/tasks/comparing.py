"""Sides against each other: the verdicts of a comparison, its looks on the way, and whether one has decided."""

import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

from farm.errors import InvalidInput
from farm.ledger import Ledger
from farm.ledger.outputs import outputs_of
from farm.ledger.rows import Outcome
from farm.recipe import canonical_json
from farm.specs import CompareSpec
from farm.specs.evaluation import Source, is_paired
from farm.specs.looks import looks_of
from farm.storage import keys
from workers.evaluation.compare import compare_many
from workers.evaluation.described import Described
from workers.evaluation.judging import Terms
from workers.evaluation.recipes_verdict import compare_recipes
from workers.evaluation.sequential import Plan
from workers.evaluation.verdict import Verdict
from workers.evaluation.verdict_figures import Kind
from workers.lifecycle import Assignment
from workers.tasks.evaluation_work import EvaluationWork

UNDECIDED = "not distinguishable"


def decided(ledger: Ledger, job_id: int) -> int | None:
    """After how many portraits a look decided; None where none did."""
    found = outputs_of(ledger, job_id, "decided_after")
    return int(found[0]) if found else None


def look_at(assignment: Assignment, work: EvaluationWork, *, look: int, portraits: int) -> Outcome:
    """What look number `look`, from 0, says of so many portraits a side; decided when it tells every pair apart."""
    spec, claim = _compare_spec(work), assignment.claim
    with tempfile.TemporaryDirectory(prefix="look-") as folder:
        found = verdicts_of(spec, work, Path(folder), until=portraits, described=False)
    told = {"look": look + 1, "portraits": portraits, "verdicts": [each.to_json() for each in found]}
    key = keys.decision(claim.job_id, look, claim.attempt)
    work.storage.put(key, canonical_json(told), if_absent=False)
    over = all(each.outcome != UNDECIDED for each in found)
    return Outcome(output={"look": key, **({"decided_after": portraits} if over else {})})


def verdicts_of(
    spec: CompareSpec, work: EvaluationWork, folder: Path, *, until: int, described: bool = True
) -> list[Verdict]:
    """Every other side against the first, after `until` portraits a side; of a recipe the second against the first.

    Raises InvalidInput where sides or photographs are too few, WorkFailed where features are damaged or gone.
    """
    photos = work.gathered_photos(folder)
    sets = [work.gathered_portraits(place, folder, until=until) for place in range(len(spec.sources))]
    kind, terms = kind_of(spec.sources, work.size_px), _terms(spec, until, described)
    work.alive()
    if spec.claim == "recipe":
        first = len(spec.groups[0])
        names = (spec.sides[0], spec.sides[1])
        return [compare_recipes(sets[:first], sets[first:], photos, kind=kind, terms=replace(terms, names=names))]
    sides: dict[str, Described] = dict(zip(side_names(spec), sets, strict=True))
    paired = all(is_paired(spec.sources[0], source) for source in spec.sources[1:])
    return compare_many(sides, photos, kind=kind, paired=paired, terms=terms)


def kind_of(sources: tuple[Source, ...], size_px: int) -> Kind:
    """Which figures decide: an upscaler's where pictures are larger than the base that they begin with."""
    return "upscaler" if any(source.input_px or size_px > source.base_px for source in sources) else "base"


def side_names(spec: CompareSpec) -> tuple[str, ...]:
    """What each side is called: what was asked for, with its first seed where two are called alike."""
    names = [source.name for source in spec.sources]
    seeded = [
        name if names.count(name) == 1 else f"{name} from seed {source.seed}"
        for name, source in zip(names, spec.sources, strict=True)
    ]
    again = Counter(seeded)
    return tuple(name if again[name] == 1 else f"{name} ({place + 1})" for place, name in enumerate(seeded))


def _terms(spec: CompareSpec, until: int, described: bool) -> Terms:
    if not spec.sequential:
        return Terms(described=described)
    looks = looks_of(spec)
    return Terms(described=described, plan=Plan(looks), look=looks.index(until) + 1)


def _compare_spec(work: EvaluationWork) -> CompareSpec:
    if not isinstance(work.spec, CompareSpec):
        raise InvalidInput("only comparisons are looked at on the way")
    return work.spec
