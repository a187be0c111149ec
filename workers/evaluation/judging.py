"""From estimates to a verdict: corrections for several figures and several looks, then one word."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from farm.errors import InvalidInput
from workers.evaluation.admission import FEW_PEOPLE
from workers.evaluation.calibration import Calibration
from workers.evaluation.estimate import Estimate
from workers.evaluation.multiplicity import benjamini_hochberg, holm
from workers.evaluation.needed import needed, needed_seeds
from workers.evaluation.sequential import Plan
from workers.evaluation.verdict import (
    ALPHA,
    FINAL_FROM,
    SMOKE_BELOW,
    Claim,
    FigureVerdict,
    Verdict,
    overall,
)
from workers.evaluation.verdict_figures import PRIMARY, Kind, unit_of

Estimates = Mapping[str, Estimate]


@dataclass(frozen=True, kw_only=True)
class Terms:
    """How is compared, fixed beforehand.

    names: what people call A and B. plan, look: planned looks and which this is, from 1. described: whether other
    figures than the primary ones are measured too. calibration: effects of known damages, to say effects in words.
    """

    names: tuple[str, str] = ("A", "B")
    alpha: float = ALPHA
    plan: Plan | None = None
    look: int = 1
    described: bool = True
    calibration: Calibration = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 0.5:
            raise InvalidInput(f"alpha is between 0 and 0.5, not {self.alpha}")

    @property
    def looks(self) -> int:
        return len(self.plan.portraits) if self.plan else 1

    def adjusted(self, p: float) -> float:
        """`p` after correction for planned looks."""
        return self.plan.adjusted(p, look=self.look) if self.plan else p

    def level(self, alpha: float) -> float:
        """The p-value below which this look stops at level alpha."""
        return self.plan.threshold(alpha, look=self.look) if self.plan else alpha


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What a verdict was founded on."""

    kind: Kind
    claim: Claim
    portraits: int
    photos: int
    people: int
    paired: bool
    seeds: tuple[int, int] = (1, 1)
    warnings: tuple[str, ...] = ()


def verdicts(pairs: Mapping[tuple[str, str], Estimates], ground: Ground, terms: Terms) -> list[Verdict]:
    """One verdict a pair (A, B); Holm over the primary figures of all pairs."""
    primary = PRIMARY[ground.kind]
    adjusted = corrected(pairs, ground.kind, terms)
    family = len(adjusted)
    found = []
    for pair, estimates in pairs.items():
        others = [name for name in estimates if name not in primary]
        marked = dict(zip(others, benjamini_hochberg([terms.adjusted(estimates[n].p) for n in others]), strict=True))
        own = {name: adjusted[pair, name] for name in primary} | marked
        told = tuple(_figure(name, estimates[name], own[name], ground, terms, family) for name in own)
        found.append(_verdict(pair, told, ground, terms, compared=len(pairs)))
    return found


def corrected(
    pairs: Mapping[tuple[str, str], Estimates], kind: Kind, terms: Terms
) -> dict[tuple[tuple[str, str], str], float]:
    """p-values of the primary figures of all pairs, after correction for looks and for each other."""
    keys = [(pair, name) for pair in pairs for name in PRIMARY[kind]]
    return dict(zip(keys, holm([terms.adjusted(pairs[pair][name].p) for pair, name in keys]), strict=True))


def _figure(
    name: str, estimate: Estimate, p_adjusted: float, ground: Ground, terms: Terms, family: int
) -> FigureVerdict:
    half = estimate.half_width(terms.level(terms.alpha))
    strict = terms.level(terms.alpha / family)
    visible = estimate.smallest_visible(strict, 0.8)
    need = needed_seeds if ground.claim == "this recipe" else needed
    return FigureVerdict(
        name=name,
        unit=unit_of(name),
        primary=name in PRIMARY[ground.kind],
        a=estimate.a,
        b=estimate.b,
        theta=estimate.theta,
        low=estimate.theta - half,
        high=estimate.theta + half,
        p=estimate.p,
        p_adjusted=p_adjusted,
        standard_error=estimate.standard_error,
        df=estimate.df,
        smallest_visible=visible,
        smallest_visible_90=estimate.smallest_visible(strict, 0.9),
        photos_share=estimate.parts["photos"].variance / estimate.variance if estimate.variance > 0 else 0.0,
        in_words=terms.calibration[name].words(visible) if name in terms.calibration else "",
        needed=need(estimate, level=strict),
    )


def _verdict(
    pair: tuple[str, str], figures: tuple[FigureVerdict, ...], ground: Ground, terms: Terms, *, compared: int
) -> Verdict:
    primary = tuple(figure for figure in figures if figure.primary)
    planned = terms.plan.portraits[-1] if terms.plan else ground.portraits
    return Verdict(
        outcome=overall([figure.says(terms.alpha) for figure in primary]),
        claim=ground.claim,
        kind=ground.kind,
        a=pair[0],
        b=pair[1],
        alpha=terms.alpha,
        figures=figures,
        portraits=ground.portraits,
        photos=ground.photos,
        people=ground.people,
        paired=ground.paired,
        smoke=planned < SMOKE_BELOW,
        seeds=ground.seeds,
        look=terms.look,
        looks=terms.looks,
        compared=compared,
        warnings=ground.warnings + tuple(_warnings(primary, ground, terms, planned)),
    )


def _warnings(primary: tuple[FigureVerdict, ...], ground: Ground, terms: Terms, planned: int) -> list[str]:
    said = [figure.says(terms.alpha) for figure in primary]
    warnings = []
    if "better" in said and "worse" in said:
        warnings.append("the primary figures contradict each other: better in one, worse in another")
    if planned < SMOKE_BELOW:
        warnings.append(f"only a smoke test: {planned:,} portraits a side, {FINAL_FROM:,} are for a final verdict")
    if ground.people < FEW_PEOPLE:
        warnings.append(f"only {ground.people} people in the photos: small differences cannot be seen")
    if any(figure.needed and figure.needed.limit == "photos" for figure in primary):
        warnings.append("the photos are the limit: more portraits alone cannot tell the observed difference apart")
    return warnings
