"""Two versions of datasets side by side: counts, and the photos whose verdict or sizes changed."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from farm.ledger.rows import Dataset
from farm.service.photo_lists import Photo, photos_of, taught
from farm.specs.policy import LADDER_PX
from farm.storage import Storage

SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class Side:
    """What is compared of a photo in one version; None where that version has not got it."""

    verdict: str
    reason: str
    gate: str | None
    teaches: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Change:
    """A photo that is not the same in both. why: in words."""

    file: str
    before: Side | None
    after: Side | None
    why: str


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Counts are (before, after). changes: in order of file, at most as many as asked for; changed: all of them."""

    before: str
    after: str
    verdicts: Mapping[str, tuple[int, int]]
    teaches: Mapping[int, tuple[int, int]]
    changed: int
    changes: tuple[Change, ...]


def compare(before: Dataset, after: Dataset, *, storage: Storage, limit: int | None = SHOWN) -> Comparison:
    """What changed from one version to another. limit: of changes told; None: all. Raises Conflict."""
    sides = [{photo["file"]: _side(photo) for photo in photos_of(row, storage=storage)} for row in (before, after)]
    left, right = sides
    files = sorted(file for file in left.keys() | right.keys() if left.get(file) != right.get(file))
    shown = files if limit is None else files[:limit]
    verdicts = [Counter(side.verdict for side in version.values()) for version in sides]
    teaches = [Counter(size for side in version.values() for size in side.teaches) for version in sides]
    return Comparison(
        before=f"{before.name}@{before.version}",
        after=f"{after.name}@{after.version}",
        verdicts={name: (verdicts[0][name], verdicts[1][name]) for name in ("keep", "drop")},
        teaches={size: (teaches[0][size], teaches[1][size]) for size in LADDER_PX},
        changed=len(files),
        changes=tuple(_change(file, left.get(file), right.get(file)) for file in shown),
    )


def comparison_of(told: Mapping[str, Any]) -> Comparison:
    """A comparison from its JSON."""

    def side(value: Mapping[str, Any] | None) -> Side | None:
        return None if value is None else Side(**{**value, "teaches": tuple(value["teaches"])})

    changes = (Change(**{**c, "before": side(c["before"]), "after": side(c["after"])}) for c in told["changes"])
    counts = {"verdicts": {name: tuple(pair) for name, pair in told["verdicts"].items()}}
    sizes = {int(size): tuple(pair) for size, pair in told["teaches"].items()}
    return Comparison(**{**told, **counts, "teaches": sizes, "changes": tuple(changes)})


def _side(photo: Photo) -> Side:
    return Side(
        verdict=photo["verdict"], reason=photo["reason"], gate=photo["gate"], teaches=tuple(taught(photo))
    )  # fmt: skip


def _change(file: str, before: Side | None, after: Side | None) -> Change:
    if before is None or after is None:
        why = "only in the second" if before is None else "only in the first"
    elif before.verdict != after.verdict:
        now = after if after.verdict == "drop" else before
        why = f"{'now dropped' if now is after else 'now kept; was dropped'}: {now.reason}"
    elif before.teaches != after.teaches:
        lost = [f"{size}" for size in before.teaches if size not in after.teaches]
        won = [f"{size}" for size in after.teaches if size not in before.teaches]
        told = [f"no longer teaches {', '.join(lost)} px"] if lost else []
        why = "; ".join(told + ([f"now also teaches {', '.join(won)} px"] if won else []))
    else:
        why = f"another reason: {after.reason}" if after.reason else "another reason"
    return Change(file=file, before=before, after=after, why=why)
