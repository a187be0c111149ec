"""A verdict: which of two is nearer the photos, how surely, and what could have been seen. Frozen, JSON, a sentence."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from farm.recipe import canonical_json
from workers.evaluation.needed import Needed

Outcome = Literal["better", "worse", "not distinguishable"]
Claim = Literal["these weights", "this recipe"]

ALPHA = 0.04
"""Level at which is worked; the promise is 0.05."""
SMOKE_BELOW = 1_000
FINAL_FROM = 5_000
_NAMES = {"kid": "the KID", "swd_finest": "the finest detail (SWD)", "spectrum": "the spectrum"}


@dataclass(frozen=True, kw_only=True)
class FigureVerdict:
    """One figure of a comparison.

    theta: distance(A) − distance(B), in `unit`; positive where B is nearer the photos. low, high: its interval of level
    1 − α, for this figure alone. p: two-sided. p_adjusted: among primary figures by Holm, among the others by
    Benjamini and Hochberg, after correction for planned looks. smallest_visible: the true difference found with 80 %
    probability (_90: 90 %) at the level Holm may ask for. in_words: that effect as a damage people know, where a
    calibration is there. photos_share: how much of θ's variance comes from the photos, 0 … 1.
    """

    name: str
    unit: str
    primary: bool
    a: float
    b: float
    theta: float
    low: float
    high: float
    p: float
    p_adjusted: float
    standard_error: float
    df: float
    smallest_visible: float
    smallest_visible_90: float
    photos_share: float
    in_words: str = ""
    needed: Needed | None = None

    def says(self, alpha: float) -> Outcome:
        """What this figure says after correction for the others."""
        return said(self.theta, self.p_adjusted, alpha=alpha)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Is B better than A? `outcome` says it of B.

    portraits: a side, all training seeds together. people: independent clusters of the photos. seeds: training seeds
    of A and of B. look, looks: which of how many planned looks this is; 1 of 1 where none were planned.
    """

    outcome: Outcome
    claim: Claim
    kind: str
    a: str
    b: str
    alpha: float
    figures: tuple[FigureVerdict, ...]
    portraits: int
    photos: int
    people: int
    paired: bool
    smoke: bool
    seeds: tuple[int, int] = (1, 1)
    look: int = 1
    looks: int = 1
    compared: int = 1
    warnings: tuple[str, ...] = ()

    @property
    def primary(self) -> tuple[FigureVerdict, ...]:
        return tuple(figure for figure in self.figures if figure.primary)

    def to_json(self) -> dict[str, Any]:
        """Plain values, with the sentence; numbers that are not finite become null."""
        told = asdict(self) | {"sentence": self.sentence()}
        return {name: _plain(value) for name, value in told.items()}

    def canonical(self) -> bytes:
        """Equal verdicts give equal bytes."""
        return canonical_json(self.to_json())

    def sentence(self) -> str:
        """The verdict for people, in two or three sentences."""
        words = {
            "better": f"{self.b} is better than {self.a}",
            "worse": f"{self.b} is worse than {self.a}",
            "not distinguishable": f"{self.a} and {self.b} cannot be told apart",
        }
        about = f"({self.claim}; {self._ground()})"
        told = [f"{words[self.outcome]} {about}: {'; '.join(_found(figure) for figure in self.primary)}."]
        told += [_could(figure) for figure in self.primary]
        if self.outcome == "not distinguishable":
            told += [text for figure in self.primary if (text := _more(figure, self.claim))]
        if self.smoke:
            told.append("So few portraits are a smoke test, not a verdict to decide by.")
        return " ".join(told)

    def _ground(self) -> str:
        seeds = f"{self.seeds[0]} and {self.seeds[1]} training seeds, " if self.claim == "this recipe" else ""
        look = f", look {self.look} of {self.looks}" if self.looks > 1 else ""
        photos = f"{self.photos:,} photos of {self.people:,} people"
        return f"{seeds}{self.portraits:,} portraits a side, {photos}{look}"


def said(theta: float, p_adjusted: float, *, alpha: float) -> Outcome:
    """What one figure says."""
    if p_adjusted > alpha:
        return "not distinguishable"
    return "better" if theta > 0 else "worse"


def overall(said_by: Collection[Outcome]) -> Outcome:
    """At least one primary figure better and none worse, or the other way round."""
    if "better" in said_by and "worse" not in said_by:
        return "better"
    return "worse" if "worse" in said_by and "better" not in said_by else "not distinguishable"


def _found(figure: FigureVerdict) -> str:
    p = "p < 0.0001" if figure.p_adjusted < 1e-4 else f"p = {figure.p_adjusted:.2g}"
    interval = f"{_signed(figure.theta)} ({_signed(figure.low)} … {_signed(figure.high)}; {p})"
    return f"{_NAMES.get(figure.name, figure.name)} differs by {interval} {figure.unit}"


def _could(figure: FigureVerdict) -> str:
    name = _NAMES.get(figure.name, figure.name)
    words = f", {figure.in_words}" if figure.in_words else ""
    return f"A difference of {figure.smallest_visible:.2g} in {name} would have been seen in 8 of 10 cases{words}."


def _more(figure: FigureVerdict, claim: Claim) -> str:
    need, name = figure.needed, _NAMES.get(figure.name, figure.name)
    if need is None:
        return ""
    begin = f"To tell the observed difference in {name} apart takes"
    if claim == "this recipe":
        if need.seeds is not None:
            return f"{begin} about {need.seeds:,} training seeds a side."
        return f"{begin} more photos: no number of training seeds is enough with these."
    ways = []
    if need.portraits is not None:
        ways.append(f"about {need.portraits:,} portraits a side")
    if need.people is not None:
        ways.append(f"photos of about {need.people:,} people")
    if not ways:
        return f"{begin} {need.times:,.0f} times the portraits and the photos together."
    hint = " More portraits alone cannot help: the photos are the limit." if need.limit == "photos" else ""
    return f"{begin} {' or '.join(ways)}.{hint}"


def _signed(value: float) -> str:
    return f"{value:+.3g}"


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
