"""The report on a dataset version: what it can teach, what was dropped and why, the worst of every gate."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workers.pages.charts import histogram
from workers.pages.page import ReadPicture, number, render_page, stored_thumbnail

Row = Mapping[str, Any]
"""A photo as datasets/<name>/<version>/photos.jsonl.gz has it."""

WORST = 10
GROUPS = 30
GROUP_PICTURES = 12
REASONS = 20
FEW = 200
"""Fewer photos than this for a stage deserve a warning."""
FEW_PEOPLE = 20
"""Held-out people below which verdicts are hardly possible."""
LADDER_PX = (64, 128, 256, 512, 1024, 2048, 4096)

GATES: tuple[tuple[str, str, str, str], ...] = (
    (
        "native_size",
        "Native resolution",
        "low",
        "px of true detail in the face frame; enlarged pictures get their true size",
    ),
    ("jpeg", "JPEG damage", "low", "equivalent quality, 100 is none, by tables and by the pixels' own 8 × 8 grid"),
    ("blur", "Blur", "high", "equivalent Gaussian σ in px of the frame"),
    ("noise", "Noise and grain", "high", "σ in 8-bit levels"),
    ("sharpening", "Over-sharpening", "high", "overshoot at edges, 0 … 1"),
    ("halftone", "Halftone, moiré", "high", "how surely a printing screen is seen, 0 … 1"),
    ("drawn", "Drawn, painted, rendered", "high", "how surely it is no photograph, 0 … 1"),
    ("borders", "Borders and frames", "high", "share of the picture that is border"),
    ("exposure", "Exposure", "high", "share of clipped pixels in the frame"),
    ("greyscale", "Colour", "low", "colourfulness; 0 is grey"),
    ("face", "Faces", "far", "how many were found; one is wanted"),
)
"""Gate, heading, which end is the worst, and the unit in words."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A thumbnail with its words."""

    picture: str
    told: str
    dropped: bool


def dataset_report(name: str, rows: Sequence[Row], policy: Mapping[str, Any], read: ReadPicture) -> bytes:
    """One HTML file on all rows of `name` ("studio@2"). policy: as policy.json has it. read: previews by key."""
    kept = [row for row in rows if row["verdict"] == "keep"]
    stages = [_stage(size, rows) for size in LADDER_PX]
    groups = _groups(rows)
    native = [row["native_px"] for row in rows if row.get("native_px")]
    return render_page(
        "dataset_report.html",
        name=name,
        looked=len(rows),
        kept=len(kept),
        dropped=len(rows) - len(kept),
        people=_people(kept),
        splits=sorted(Counter(row["split"] for row in kept if row.get("split")).items()),
        policy_told=f"Judged by the policy {policy['name']!r}." if policy.get("name") else "",
        warnings=_warnings(rows, kept, stages),
        stages=stages,
        native=histogram(native, marks=_stage_marks(native), log2=True) if native else None,
        reasons=Counter(_general(row["reason"]) for row in rows if row["verdict"] != "keep").most_common(REASONS),
        gates=[gate for gate in (_gate(*each, rows, read) for each in GATES) if gate],
        groups=[_group(members, read) for members in groups[:GROUPS]],
        group_count=len(groups),
    )


def _people(rows: Sequence[Row]) -> int:
    return len({row["person"] for row in rows if row.get("person")})


def _stage(size_px: int, rows: Sequence[Row]) -> dict[str, Any]:
    taught = [row for row in rows if size_px in (row.get("teaches") or ())]
    whys = Counter(
        _general(str(row["why_not"][str(size_px)]))
        for row in rows
        if row["verdict"] == "keep" and str(size_px) in (row.get("why_not") or {})
    )
    native = [min(row["native_px"], size_px) for row in taught if row.get("native_px")]
    return {
        "size_px": size_px,
        "photos": len(taught),
        "people": _people(taught),
        "why_not": whys.most_common(4),
        "native": histogram(native, marks=[(size_px, f"{size_px}")], bins=24) if native else None,
    }


def _warnings(rows: Sequence[Row], kept: Sequence[Row], stages: Sequence[Mapping[str, Any]]) -> list[str]:
    told = []
    if not kept:
        told.append("No photo was kept: nothing can be learned from this dataset. See below why, or change the policy.")
    few = sorted({stage["photos"] for stage in stages if 0 < stage["photos"] < FEW}, reverse=True)
    for count in few:
        sizes = [f"{stage['size_px']}" for stage in stages if stage["photos"] == count]
        which = f"{', '.join(sizes[:-1])} and {sizes[-1]} px stages" if len(sizes) > 1 else f"{sizes[0]} px stage"
        told.append(f"Only {number(count)} photos can teach the {which}.")
    largest = max((stage["size_px"] for stage in stages if stage["photos"]), default=0)
    if 0 < largest < LADDER_PX[-1]:
        told.append(f"No photo can teach a stage larger than {largest} px.")
    held_out = _people([row for row in kept if row.get("split") == "test"])
    if kept and held_out < FEW_PEOPLE:
        told.append(
            f"Only {held_out} people are held out for verdicts; {FEW_PEOPLE} or more make them worth something."
        )
    unread = sum(1 for row in rows if row.get("native_px") is None)
    if unread:
        told.append(f"{number(unread)} files could not be looked at.")
    return told


def _stage_marks(native: Sequence[float]) -> list[tuple[float, str]]:
    top = max(native)
    return [(size, str(size)) for size in LADDER_PX if min(native) <= size <= 1.5 * top]


def _gate(
    key: str, title: str, worst: str, meaning: str, rows: Sequence[Row], read: ReadPicture
) -> dict[str, Any] | None:
    found = [(value, row) for row in rows if (value := _value(row, key)) is not None]
    if not found:
        return None
    ranked = sorted(found, key=lambda each: (_goodness(each[0], worst), str(each[1]["file"])))[:WORST]
    shown = [_shown(row, f"{number(value)}: {row['measurements'][key]['reason']}", read) for value, row in ranked]
    chart = histogram([value for value, _ in found], log2=key == "native_size")
    return {"title": title, "meaning": meaning, "histogram": chart, "worst": shown}


def _goodness(value: float, worst: str) -> float:
    """Small for the worst end: low values, high ones, or those far from one."""
    return value if worst == "low" else -value if worst == "high" else -abs(value - 1)


def _value(row: Row, gate: str) -> float | None:
    value = ((row.get("measurements") or {}).get(gate) or {}).get("value")
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _shown(row: Row, told: str, read: ReadPicture) -> Shown:
    picture = stored_thumbnail(row.get("preview"), read)
    return Shown(picture=picture, told=f"{row['file']} · {told}", dropped=row["verdict"] != "keep")


def _groups(rows: Sequence[Row]) -> list[list[Row]]:
    """Near-duplicates, largest group first."""
    members: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        if row.get("group") is not None:
            members[row["group"]].append(row)
    several = [sorted(each, key=lambda row: str(row["file"])) for each in members.values() if len(each) > 1]
    return sorted(several, key=lambda each: (-len(each), str(each[0]["file"])))


def _group(members: Sequence[Row], read: ReadPicture) -> dict[str, Any]:
    shown = [_shown(row, f"native {number(row.get('native_px'))} px", read) for row in members[:GROUP_PICTURES]]
    return {"count": len(members), "pictures": shown}


def _general(reason: str) -> str:
    """A reason without its numbers and names, so that photos dropped for one cause are counted together."""
    return re.sub(
        r"\d[\d,.]*", "…", re.sub(r"(the same (?:file|picture) as|repeats) .*", r"\1 another", reason)
    ).strip()
