"""The page of a training run: learning curves, its samples as a film, spectrum, best and worst, other runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workers.pages.charts import Plot, Point, plot
from workers.pages.evaluation_report import TITLES
from workers.pages.page import number, render_page

LOSSES = ("judge_loss", "painter_loss", "gap", "augment_p", "lr", "gamma")
"""Of a log line these come first; the rest follows by name."""


@dataclass(frozen=True, kw_only=True)
class Thumb:
    """A picture as a data: address, with its words."""

    picture: str
    told: str
    dropped: bool = False


@dataclass(frozen=True, kw_only=True)
class RunTold:
    """All a run's page is made of.

    config: the run's configuration as plain JSON. lines: its log lines, each with `nimg`. measured: (images seen,
    figures as an evaluation has them) of each slice. frames: (images seen, data: address) of sample sheets. spectrum:
    band means of portraits and photographs. columns, rows: this run and others of its stage, as cells in words.
    """

    name: str
    stage: str
    config: Mapping[str, Any]
    nimg: int
    slices: int
    photos: str = ""
    warnings: Sequence[str] = ()
    lines: Sequence[Mapping[str, Any]] = ()
    measured: Sequence[tuple[int, Sequence[Mapping[str, Any]]]] = ()
    frames: Sequence[tuple[int, str]] = ()
    spectrum: Mapping[str, Sequence[float]] = field(default_factory=dict)
    best: Sequence[Thumb] = ()
    worst: Sequence[Thumb] = ()
    columns: Sequence[str] = ()
    rows: Sequence[tuple[str, Sequence[str]]] = ()


def run_page(run: RunTold) -> bytes:
    """One HTML file."""
    latest = run.measured[-1][1] if run.measured else ()
    return render_page(
        "run_page.html",
        run=run.name,
        stage=run.stage,
        preset=run.config.get("preset", "?"),
        nimg=run.nimg,
        total_nimg=run.config.get("total_nimg"),
        slices=run.slices,
        photos=run.photos,
        warnings=list(run.warnings),
        latest=[_fact(each) for each in latest],
        curves=_curves(run),
        losses=_losses(run.lines),
        frames=[{"nimg": nimg, "picture": picture} for nimg, picture in run.frames],
        spectrum=_spectrum(run.spectrum),
        best=list(run.best),
        worst=list(run.worst),
        columns=[TITLES.get(column, column) for column in run.columns],
        runs=[{"name": name, "cells": cells} for name, cells in run.rows],
    )


def _fact(figure: Mapping[str, Any]) -> dict[str, Any]:
    name = TITLES.get(figure["name"], figure["name"])
    return {"name": name, "value": figure["value"], "interval_told": _interval(figure)}


def _interval(figure: Mapping[str, Any]) -> str:
    ends = figure.get("interval")
    return f"{number(ends[0])} … {number(ends[1])}" if ends else "no interval"


def _curves(run: RunTold) -> list[dict[str, Any]]:
    names = dict.fromkeys(figure["name"] for _, figures in run.measured for figure in figures)
    return [_curve(name, run) for name in names]


def _curve(name: str, run: RunTold) -> dict[str, Any]:
    points: list[Point] = []
    null: list[Point] = []
    words = ""
    for nimg, figures in run.measured:
        figure = next((each for each in figures if each["name"] == name), None)
        if figure is None or figure["value"] is None:
            continue
        low, high = figure.get("interval") or (None, None)
        points.append((nimg, figure["value"], low, high))
        words = figure.get("words", "")
        if figure.get("null"):
            from_low, to_high = figure["null"]
            null.append((nimg, (from_low + to_high) / 2, from_low, to_high))
    lines = [(run.name, points), ("photographs against photographs", null)] if null else [(run.name, points)]
    return {"name": TITLES.get(name, name), "words": words, "plot": plot(lines)}


def _losses(lines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    names = {key for line in lines for key, value in line.items() if isinstance(value, int | float)} - {"nimg", "at_s"}
    ordered = [name for name in LOSSES if name in names] + sorted(names - set(LOSSES))
    return [{"name": name, "plot": _loss(name, lines)} for name in ordered]


def _loss(name: str, lines: Sequence[Mapping[str, Any]]) -> Plot:
    points: list[Point] = [(line["nimg"], line[name], None, None) for line in lines if name in line and "nimg" in line]
    return plot([(name, points)])


def _spectrum(bands: Mapping[str, Sequence[float]]) -> Plot | None:
    if not bands:
        return None
    lines: list[tuple[str, Sequence[Point]]] = [
        (name, [(index + 1, value, None, None) for index, value in enumerate(values)]) for name, values in bands.items()
    ]
    return plot(lines)
