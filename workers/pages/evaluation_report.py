"""The report of an evaluation or a comparison: figures beside what photographs show, verdicts with their intervals."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workers.pages.page import number, render_page

WIDTH = 200.0
TITLES = {
    "kid": "KID, feature bank",
    "swd_finest": "sliced distance, finest level",
    "spectrum": "spectrum",
    "sw2": "sliced W2, feature bank",
    "frechet": "Fréchet distance",
    "consistency": "consistency with its input",
    "shift_stability": "stability under a shift",
}


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Places on a line 200 units long: the value, its interval, a grey band, and zero where it lies inside."""

    value: float
    low: float
    high: float
    null_from: float
    null_width: float
    zero: float | None


def evaluation_report(told: Mapping[str, Any], *, sheets: Sequence[tuple[str, str]] = ()) -> bytes:
    """One HTML file. told: evaluation.json or verdict.json of a job. sheets: names and data: addresses of pictures."""
    pairs = [_pair(each) for each in told.get("pairs", ())]
    return render_page(
        "evaluation_report.html",
        title=_title(told),
        ground=_ground(told),
        warnings=list(told.get("warnings", ())),
        sheets=[{"name": name, "picture": picture} for name, picture in sheets],
        figures=[_figure(each) for each in told.get("figures", ())],
        pairs=pairs,
    )


def _title(told: Mapping[str, Any]) -> str:
    return str(told["title"]) if told.get("pairs") is not None else f"{told['title']} against {told['against']}"


def _ground(told: Mapping[str, Any]) -> str:
    split = "all" if told["split"] == "all" else f"the {told['split']} split"
    sides = f"{number(told['portraits'])} portraits a side at {told['size_px']} px"
    photos = f"{number(told['photos'])} photographs of {number(told['people'])} people, {split} of {told['against']}"
    return f"{sides}; {photos}; features {told['extractor'][:12]}; job {told['job']}."


def _figure(figure: Mapping[str, Any]) -> dict[str, Any]:
    interval, null = figure.get("interval"), figure.get("null")
    return {
        "name": TITLES.get(figure["name"], figure["name"]),
        "value": figure["value"],
        "interval_told": _range(interval),
        "null_told": _range(null),
        "scale": scale(figure["value"], interval, null),
        "words": figure.get("words", ""),
    }


def _pair(verdict: Mapping[str, Any]) -> dict[str, Any]:
    rows = []
    for figure in sorted(verdict["figures"], key=lambda each: (not each["primary"], each["name"])):
        unseen = figure["smallest_visible"]
        band = None if unseen is None else (-unseen, unseen)
        drawn = scale(figure["theta"], (figure["low"], figure["high"]), band)
        rows.append({**figure, "name": TITLES.get(figure["name"], figure["name"]), "scale": drawn})
    named = {name: verdict[name] for name in ("a", "b", "outcome", "sentence")}
    return {
        **named,
        "warnings": list(verdict.get("warnings", ())),
        "level": f"{1 - verdict['alpha']:.0%}",
        "figures": rows,
    }


def scale(value: float | None, interval: Sequence[float | None] | None, band: Sequence[float | None] | None) -> Scale:
    """Value, interval and band on one line, with zero when it is near; what is missing or endless is left out."""
    ends = [each for each in (value, *(interval or ()), *(band or ())) if each is not None and math.isfinite(each)]
    low, high = min([*ends, 0.0]), max([*ends, 0.0])
    room = (high - low) * 0.06 or 1.0
    start, step = low - room, WIDTH / (high - low + 2 * room)

    def at(place: float | None, otherwise: float) -> float:
        return (place - start) * step if place is not None and math.isfinite(place) else otherwise

    middle = at(value, WIDTH / 2)
    left, right = interval if interval else (value, value)
    dark, light = band if band else (None, None)
    null_from = at(dark, 0.0)
    return Scale(
        value=middle,
        low=at(left, middle),
        high=at(right, middle),
        null_from=null_from,
        null_width=max(0.0, at(light, null_from) - null_from),
        zero=at(0.0, 0.0),
    )


def _range(ends: Sequence[float | None] | None) -> str:
    return "–" if not ends else f"{number(ends[0])} … {number(ends[1])}"
