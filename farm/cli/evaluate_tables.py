"""What an evaluation, a verdict and certificates look like on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from farm.cli.output import counted, say, table

if TYPE_CHECKING:
    from collections.abc import Mapping

SHOWN = 20


def tell_evaluation(found: Mapping[str, Any]) -> None:
    """Each figure with its interval, and what photographs of other people give."""
    _tell_ground(found)
    rows = (
        (row["name"], number(row["value"]), span(row["interval"]), span(row["null"]), row["words"])
        for row in found["figures"]
    )
    table(("figure", "value", "95 % interval", "photos against photos", ""), rows, empty="nothing was measured")
    _tell_end(found)


def tell_verdict(found: Mapping[str, Any]) -> None:
    """The sentence for every pair, then the figures behind it."""
    _tell_ground(found)
    for pair in found["pairs"]:
        say(f"{pair['b']} against {pair['a']}: {pair['outcome']}")
        rows = (
            (
                f"{row['name']} *" if row["primary"] else row["name"],
                number(row["a"]),
                number(row["b"]),
                number(row["theta"]),
                span([row["low"], row["high"]]),
                number(row["p_adjusted"]),
                number(row["smallest_visible"]),
            )
            for row in pair["figures"]
        )
        columns = ("figure", pair["a"], pair["b"], "nearer by", "interval", "p", "smallest visible")
        table(columns, rows, empty="nothing was measured")
        say(f"  {pair['sentence']}")
        for warning in pair["warnings"]:
            say(f"  note: {warning}")
    _tell_end(found)


def tell_certificates(found: Mapping[str, Any]) -> None:
    """The nearest ones first, and the threshold."""
    nearest = sorted(found["portraits"], key=lambda row: float(row["ratio"]))[:SHOWN]
    rows = ((row["seed"], number(row["distance"]), row["verdict"], row["photo"][:12]) for row in nearest)
    table(("seed", "distance", "", "nearest photo"), rows, empty="there was no portrait to look at")
    say(
        f"{counted(len(found['portraits']), 'portrait')} against {found['against']}: {found['too_near']} too near "
        f"(nearer than {number(found['threshold'])}, which photographs of different people keep apart)"
    )


def number(value: float | None) -> str:
    """Four figures."""
    return "" if value is None else f"{value:.4g}"


def span(interval: list[float | None] | None) -> str:
    """low … high."""
    return "" if not interval or None in interval else f"{number(interval[0])} … {number(interval[1])}"


def _tell_ground(found: Mapping[str, Any]) -> None:
    say(
        f"{found['title']}: {counted(found['portraits'], 'portrait')} at {found['size_px']} px against "
        f"{counted(found['photos'], 'photo')} of {counted(found['people'], 'person').replace('persons', 'people')} "
        f"({found['against']}, {found['split']})"
    )
    for warning in found["warnings"]:
        say(f"  note: {warning}")


def _tell_end(found: Mapping[str, Any]) -> None:
    say(f"report: {found['report']}")
