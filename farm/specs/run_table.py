"""Runs beside each other: what they were told differently, and how they did. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class RunRow:
    """A run: its configuration as plain JSON, images seen, and its last slice's figures as an evaluation has them."""

    name: str
    config: Mapping[str, Any]
    nimg: int
    figures: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class RunTable:
    """Columns beside the name, and each run's cells in words."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]


def run_table(runs: Sequence[RunRow]) -> RunTable:
    """The parameters in which these runs differ, images seen, and every figure with its interval."""
    flat = {run.name: flattened(run.config) for run in runs}
    every = sorted({key for values in flat.values() for key in values})
    differing = [key for key in every if len({str(values.get(key)) for values in flat.values()}) > 1]
    names = tuple(dict.fromkeys(str(figure["name"]) for run in runs for figure in run.figures))
    rows = tuple((run.name, _cells(run, flat[run.name], differing, names)) for run in runs)
    return RunTable((*differing, "images", *names), rows)


def _cells(run: RunRow, flat: Mapping[str, Any], differing: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    figures = {figure["name"]: _told(figure) for figure in run.figures}
    return (
        *(str(flat.get(key, "–")) for key in differing),
        f"{run.nimg:,}",
        *(figures.get(name, "–") for name in names),
    )


def _told(figure: Mapping[str, Any]) -> str:
    if figure["value"] is None:
        return "–"
    ends = figure.get("interval")
    between = f" ({ends[0]:.3g} … {ends[1]:.3g})" if ends else ""
    return f"{figure['value']:.3g}{between}"


def flattened(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested parameters by dotted names; lists as words."""
    found: dict[str, Any] = {}
    for key, item in value.items():
        if isinstance(item, Mapping):
            found |= flattened(item, f"{prefix}{key}.")
        else:
            found[prefix + key] = " ".join(map(str, item)) if isinstance(item, list | tuple) else item
    return found
