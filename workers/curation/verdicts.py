"""A photo's verdict, as a whole and for each size of the ladder; and what a list of verdicts concludes.

Nothing here reads a pixel: rows that were measured once are judged again whenever a policy changes.
"""

import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from farm.errors import InvalidInput, Problem
from workers.curation.damage import damage_at, faults, total
from workers.curation.measured import Measured
from workers.curation.people import clusters, near_names, near_numbers
from workers.curation.policy import LADDER_PX, Policy

Row = dict[str, Any]
"""One photo of a dataset, as plain JSON: the columns of workers/curation/manifest.py."""

Label = Literal["keep", "drop"]


@dataclass(frozen=True)
class _Limit:
    """The most of one number that any size tolerates; `gate` and `detail` name it, `field` is the policy's."""

    gate: str
    detail: str | None
    field: str
    words: str


_LIMITS = (
    _Limit("drawn", None, "max_drawn", "drawn, painted or rendered: {:.0%} sure, {:.0%} is allowed"),
    _Limit("halftone", None, "max_halftone", "a halftone print: {:.0%} sure, {:.0%} is allowed"),
    _Limit("borders", None, "max_borders", "borders or frames cover {:.0%} of it, {:.0%} is allowed"),
    _Limit("borders", "text", "max_text", "text lies over it: {:.0%} sure, {:.0%} is allowed"),
    _Limit("borders", "watermark", "max_watermark", "a watermark lies over it: {:.0%} sure, {:.0%} is allowed"),
    _Limit("exposure", None, "max_clipped", "{:.0%} of the frame is clipped to black or white, {:.0%} is allowed"),
    _Limit("face", "occluded", "max_occluded", "the face is covered: {:.0%} sure, {:.0%} is allowed"),
)


def decide(row: Mapping[str, Any], *, policy: Policy) -> Row:
    """The columns verdict, reason, gate, teaches and why_not of a measured row: pure, so a new policy needs no pixels.

    A photo is kept when nothing is wrong at every size and there is a size of the ladder it may teach.
    """
    found = Measured.of(row)
    why_not = {size: fault for size in LADDER_PX if (fault := next(_faults_at(found, size, policy), None))}
    teaches = [size for size in LADDER_PX if size not in why_not]
    wrong = next(_faults_everywhere(found, policy), None)
    if wrong is None and not teaches:
        wrong = why_not[LADDER_PX[0]]
    if wrong is not None:
        return dropped(*wrong)
    told = {str(size): reason for size, (_, reason) in why_not.items()}
    return {"verdict": "keep", "reason": "", "gate": None, "teaches": teaches, "why_not": _json(told)}


def dropped(gate: str, reason: str) -> Row:
    """The same columns of a photo that teaches nothing: which gate speaks, and why."""
    return {
        "verdict": "drop",
        "reason": reason,
        "gate": gate,
        "teaches": [],
        "why_not": _json({str(size): reason for size in LADDER_PX}),
    }


def conclude(verdicts: Sequence[Mapping[str, Any]], people: Mapping[str, str] | None, *, policy: Policy) -> list[Row]:
    """Rows sorted by file, every one with its person, split and group of near-duplicates, and judged by `policy`.

    `people` maps files to persons where someone wrote it down. The order of `verdicts` does not matter, and rows judged
    under another policy are welcome. Raises InvalidInput if two verdicts name one file.
    """
    rows = [dict(verdict) for verdict in sorted(verdicts, key=lambda v: str(v["file"]))]
    twice = [Problem(a["file"], "is listed twice") for a, b in itertools.pairwise(rows) if a["file"] == b["file"]]
    if twice:
        raise InvalidInput("the list of photos has mistakes", problems=twice)
    near = near_numbers(rows)
    sides = clusters(rows, people or {}, near)
    for row, group, (person, split) in zip(rows, near_names(rows, near), sides, strict=True):
        row |= {"person": person, "split": split, "group": group}
    return judged_again(rows, policy=policy)


def judged_again(
    rows: Sequence[Mapping[str, Any]], *, policy: Policy, labels: Mapping[str, Label] | None = None
) -> list[Row]:
    """The rows of a dataset, in the same order, under another policy; person, split and group stay.

    labels: reviewers' verdicts by sha256. They override the policy, but open no file that cannot be opened, make no
    detail that is not there, and keep no second copy of a file.
    """
    judged = [_judged(row, policy, (labels or {}).get(row["sha256"])) for row in rows]
    _drop_same_files(judged)
    if policy.near_duplicates == "keep_best":
        _drop_near(judged, policy, labels or {})
    return judged


def _judged(row: Mapping[str, Any], policy: Policy, label: Label | None) -> Row:
    if row["native_px"] is None:
        return dict(row)
    if label == "drop":
        return {**row, **dropped("review", "dropped by its reviewers")}
    decided = decide(row, policy=policy)
    if label == "keep" and decided["verdict"] == "drop":
        found = Measured.of(row)
        small = {size: why for size in LADDER_PX if (why := _too_small(found, size, policy))}
        decided = {"verdict": "keep", "reason": "kept by its reviewers", "gate": "review"}
        decided |= {"teaches": [size for size in LADDER_PX if size not in small]}
        decided |= {"why_not": _json({str(size): reason for size, (_, reason) in small.items()})}
    return {**row, **decided}


def _drop_same_files(rows: list[Row]) -> None:
    first_with: dict[str, str] = {}
    for row in rows:
        first = first_with.setdefault(row["sha256"], row["file"])
        if first != row["file"] and row["verdict"] == "keep":
            row |= dropped("same_file", f"the same file as {first}")


def _drop_near(rows: list[Row], policy: Policy, labels: Mapping[str, Label]) -> None:
    """Of the kept of each group the best stays: what reviewers keep, then native size, least damage, name."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if row["group"] is not None and row["verdict"] == "keep":
            groups.setdefault(row["group"], []).append(row)
    for group in groups.values():
        best = min(group, key=lambda row: _order(row, policy, labels))
        for row in group:
            if row is not best and labels.get(row["sha256"]) != "keep":
                row |= dropped("near_duplicate", f"nearly the same picture as {best['file']}, which is better")


def _order(row: Row, policy: Policy, labels: Mapping[str, Label]) -> tuple[bool, int, float, str]:
    found = Measured.of(row)
    spoilt = total(damage_at(found, found.native_px), policy.tolerance)
    return labels.get(row["sha256"]) != "keep", -found.native_px, spoilt, str(row["file"])


def _faults_everywhere(found: Measured, policy: Policy) -> Iterator[tuple[str, str]]:
    """(gate, reason) of what is wrong whatever the size, the plainest first."""
    if found.native_px < policy.min_native_px:
        told = f"too small: detail for {found.native_px} px, {policy.min_native_px} px is needed"
        yield "native_size", told
    yield from _faults_of_face(found, policy)
    for limit in _LIMITS:
        value = found.detail(limit.gate, limit.detail) if limit.detail else found.value(limit.gate)
        most = getattr(policy, limit.field)
        if value is not None and value > most:
            yield limit.gate, limit.words.format(value, most)
    colour = found.value("greyscale")
    if policy.greyscale == "drop" and colour is not None and colour < policy.grey_below:
        yield "greyscale", f"black and white: colourfulness {colour:.1f}, {policy.grey_below:g} is needed"


def _faults_of_face(found: Measured, policy: Policy) -> Iterator[tuple[str, str]]:
    faces = found.value("face")
    if faces is None:
        return
    if faces < 1:
        if policy.face == "required":
            yield "face", "no face was found"
        return
    if faces > policy.max_faces:
        yield "face", f"{faces:.0f} faces; at most {policy.max_faces} allowed"
    frontal = found.detail("face", "frontal")
    if frontal is not None and frontal < policy.min_frontal:
        yield "face", f"the face is turned away: {frontal:.0%} frontal, {policy.min_frontal:.0%} is needed"


def _faults_at(found: Measured, size_px: int, policy: Policy) -> Iterator[tuple[str, str]]:
    """(gate, reason) of why the photo may not teach that size."""
    if small := _too_small(found, size_px, policy):
        yield small
    yield from faults(damage_at(found, size_px), policy.tolerance_at(size_px))


def _too_small(found: Measured, size_px: int, policy: Policy) -> tuple[str, str] | None:
    least = math.ceil(policy.native_share * size_px)
    if found.native_px >= least:
        return None
    return "native_size", f"detail for {found.native_px} px; {least} px are needed to teach {size_px} px"


def _json(told: Mapping[str, str]) -> str:
    return json.dumps(told, ensure_ascii=False)
