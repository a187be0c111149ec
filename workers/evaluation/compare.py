"""Compare described portraits with photos nobody was taught on: two sets, many sets, or step by step."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from farm.errors import InvalidInput
from workers.evaluation.admission import check_sets
from workers.evaluation.described import Described
from workers.evaluation.estimate import Estimate
from workers.evaluation.judging import Estimates, Ground, Terms, verdicts
from workers.evaluation.relative_mmd import relative_mmd
from workers.evaluation.sequential import Plan
from workers.evaluation.verdict import Verdict
from workers.evaluation.verdict_figures import BY_ROW_SUMS, PRIMARY, Grounds, Kind, figure_names, measured

STANDARD = Terms()


def compare(
    a: Described, b: Described, photos: Described, *, kind: Kind, paired: bool = False, terms: Terms = STANDARD
) -> Verdict:
    """Is B nearer the photos than A? About *these weights*: the units are portraits and photographed people.

    Args:
        a, b: portraits of two sides. The longer is cut to the other's length.
        photos: of people neither has been taught; `clusters` tells the people apart.
        kind: which figures decide (`PRIMARY`).
        paired: portrait i of A and of B have the same seed and the same base (another upscaler, psi or average).
            Portraits of different bases are independent whatever their seeds.

    Raises:
        InvalidInput: too few photos, people or portraits; another extractor or size; features that are not finite.
    """
    (verdict,) = _compared({terms.names[0]: a, terms.names[1]: b}, photos, kind, paired, terms)
    return verdict


def compare_many(
    sides: Mapping[str, Described], photos: Described, *, kind: Kind, paired: bool = False, terms: Terms = STANDARD
) -> list[Verdict]:
    """Every other side against the first, with Holm over all of it: a verdict each, in order. Raises as `compare`."""
    if len(sides) < 2:
        raise InvalidInput("a comparison needs two sides or more")
    return _compared(sides, photos, kind, paired, terms)


def compare_in_looks(
    a: Described, b: Described, photos: Described, *, kind: Kind, paired: bool = False, terms: Terms = STANDARD
) -> Verdict:
    """The verdict of the first planned look that decides, or of the last. Five even looks where none are planned."""
    plan = terms.plan or Plan.even(min(len(a), len(b)))
    for look, portraits in enumerate(plan.portraits, start=1):
        if portraits > min(len(a), len(b)):
            raise InvalidInput(f"look {look} needs {portraits:,} portraits a side: paint them first")
        sides = a.chosen(slice(portraits)), b.chosen(slice(portraits))
        last = look == len(plan.portraits)
        now = replace(terms, plan=plan, look=look, described=terms.described and last)
        verdict = compare(*sides, photos, kind=kind, paired=paired, terms=now)
        if verdict.outcome != "not distinguishable":
            break
    return verdict


def _compared(
    sides: Mapping[str, Described], photos: Described, kind: Kind, paired: bool, terms: Terms
) -> list[Verdict]:
    if kind not in PRIMARY:
        raise InvalidInput(f"kind is one of {', '.join(PRIMARY)}, not {kind!r}")
    check_sets(list(sides.values()), photos)
    count = min(len(each) for each in sides.values())
    cut = {name: each.chosen(slice(count)) for name, each in sides.items()}
    if paired:
        _check_pairs(cut)
    grounds = Grounds(photos)
    first, *others = cut
    estimates = _estimates(cut, grounds, kind, paired=paired, described=terms.described)
    ground = Ground(
        kind=kind,
        claim="these weights",
        portraits=count,
        photos=len(photos),
        people=int(grounds.people.max()) + 1,
        paired=paired,
        warnings=_cut_words(sides, count),
    )
    return verdicts({(first, other): estimates[other] for other in others}, ground, terms)


def _estimates(
    sides: Mapping[str, Described], grounds: Grounds, kind: Kind, *, paired: bool, described: bool
) -> dict[str, Estimates]:
    """Of every side but the first against it; row sums of a side are computed once."""
    others = list(sides)[1:]
    names = figure_names(grounds.photos.swd.shape[1]) if described else PRIMARY[kind]
    found: dict[str, dict[str, Estimate]] = {other: {} for other in others}
    for figure in names:
        for other, estimate in _of_figure(figure, sides, grounds, paired=paired).items():
            found[other][figure] = estimate
    return dict(found)


def _of_figure(figure: str, sides: Mapping[str, Described], grounds: Grounds, *, paired: bool) -> dict[str, Estimate]:
    first, *others = sides
    if figure not in BY_ROW_SUMS:
        return {other: measured(figure, sides[first], sides[other], grounds, paired=paired) for other in others}
    sums = {name: grounds.sums(figure, each) for name, each in sides.items()}
    own = grounds.own(figure)
    return {
        other: relative_mmd(sums[first], sums[other], grounds.people_of(figure), paired=paired, photos_own=own)
        for other in others
    }


def _check_pairs(sides: Mapping[str, Described]) -> None:
    first = next(iter(sides.values()))
    for name, each in sides.items():
        if each.names != first.names:
            raise InvalidInput(f"{name} is not paired with the first side: portrait i has another seed in them")


def _cut_words(sides: Mapping[str, Described], count: int) -> tuple[str, ...]:
    longer: Sequence[str] = [name for name, each in sides.items() if len(each) > count]
    return (f"only the first {count:,} portraits of {', '.join(longer)} were used",) if longer else ()
