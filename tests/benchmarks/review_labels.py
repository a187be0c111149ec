"""How many labels until the ranking sorts a dataset: the doubtful first, against photos in random order.

    python -m tests.benchmarks.review_labels --data FOLDER [--portraits 250] [--repeats 10] [--rows FILE.json.gz]

FOLDER holds gates/drawn and gates/halftone (a reviewer drops them), gates/photo and portraits (a reviewer keeps them).
Every photo is measured once (--rows keeps what was measured). A reviewer who never errs then labels ten photos at a
time, in the order the farm asks, and the ranking is fitted again. Counted: labels until 95 % of ALL photos are sorted
rightly, by their label or else by the side of one half on which the ranking has them, at two checks in a row. Then what
it is sure of: how many photos, and how often it is right.
"""

import argparse
import gzip
import json
import random
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from farm.sorting import Table, fit_ranking, next_turns, numbers_of
from farm.sorting.ranking import SURE
from workers.curation.judging import look_at
from workers.curation.photo_list import Listed
from workers.curation.policy import Policy

GOAL = 0.95
STEP = 10
LABELS_MAX = 600
DROPPED, KEPT = ("gates/drawn", "gates/halftone"), ("gates/photo", "portraits/studio", "portraits/official")
ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".tif")


@dataclass(frozen=True)
class Run:
    """needed: labels until the goal, None where it was not met. sure, right: photos at the end that nobody labelled and
    the ranking is sure of, and how many of these it is right about. left: photos nobody labelled."""

    needed: int | None
    sure: int
    right: int
    left: int


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, help="the labelled pictures")
    parser.add_argument("--portraits", type=int, default=250, help="so many of the portraits, chosen by chance")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--rows", type=Path, help="keep what was measured in this file, and read it from there")
    asked = parser.parse_args()
    if asked.data is None and (asked.rows is None or not asked.rows.is_file()):
        print("no labelled pictures: --data FOLDER names them; nothing was measured")
        return 0
    rows = measured(asked.data, asked.portraits, asked.rows)
    truth = [bool(row["truth"]) for row in rows]
    gates = sorted({gate for row in rows for gate in row["measurements"]})
    print(f"{len(rows)} photos, {len(rows) - sum(truth)} to be dropped; gates: {', '.join(gates)}")
    print(f"always keep: {sum(truth) / len(rows):.1%} right")
    for order in ("active", "random"):
        tell(order, [repeat(rows, order=order, seed=seed) for seed in range(asked.repeats)])
    speed(Table([numbers_of(row) for row in rows]), truth)
    return 0


def measured(data: Path, portraits: int, kept: Path | None) -> list[dict[str, Any]]:
    """A row for each picture, with its truth: True where a reviewer keeps it."""
    if kept is not None and kept.is_file():
        found: list[dict[str, Any]] = json.loads(gzip.decompress(kept.read_bytes()))
        return found
    files = [(path, False) for folder in DROPPED for path in _files(data / folder)]
    files += [(path, True) for path in _files(data / KEPT[0])]
    faces = [path for folder in KEPT[1:] for path in _files(data / folder)]
    files += [(path, True) for path in random.Random(0).sample(faces, min(portraits, len(faces)))]
    rows, began_s = [], time.monotonic()
    for path, truth in files:
        row = look_at(path.name, path.read_bytes(), policy=Policy()).row
        rows.append({**Listed(row, str), "truth": truth})
    print(f"measured {len(rows)} photos in {time.monotonic() - began_s:.0f} s", file=sys.stderr)
    if kept is not None:
        kept.write_bytes(gzip.compress(json.dumps(rows).encode()))
    return rows


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS)


def repeat(rows: list[dict[str, Any]], *, order: str, seed: int) -> Run:
    """One review, of the photos in an order of its own."""
    chance = random.Random(seed)
    rows = chance.sample(rows, len(rows))
    truth = [bool(row["truth"]) for row in rows]
    table, kept = Table([numbers_of(row) for row in rows]), [row["verdict"] == "keep" for row in rows]
    labels: dict[int, float] = {}
    probabilities: list[float] | None = None
    met = 0
    while len(labels) < min(LABELS_MAX, len(rows)) and met < 2:
        if order == "active":
            turns = next_turns(probabilities, kept, done=set(labels), others=[], labels=len(labels), count=STEP)
            places = [turn.place for turn in turns]
        else:
            places = [place for place in range(len(rows)) if place not in labels][:STEP]
        labels |= {place: float(truth[place]) for place in places}
        ranking = fit_ranking(table, labels)
        probabilities = ranking.probabilities(table) if ranking else None
        ranked = sum((p > 0.5) == truth[i] for i, p in enumerate(probabilities or ()) if i not in labels)
        met = met + 1 if (len(labels) + ranked) / len(rows) >= GOAL else 0
    left = [(p, truth[place]) for place, p in enumerate(probabilities or ()) if place not in labels]
    sure = [(p > 0.5) == y for p, y in left if p >= SURE or p <= 1 - SURE]
    return Run(needed=len(labels) - STEP if met == 2 else None, sure=len(sure), right=sum(sure), left=len(left))


def tell(order: str, runs: list[Run]) -> None:
    """Mean and interval over repetitions (mean ± t · standard error, 95 %), and what was sure at the end."""
    needed = [run.needed for run in runs if run.needed is not None]
    if needed:
        middle, spread = statistics.fmean(needed), statistics.stdev(needed) if len(needed) > 1 else 0.0
        half = 2.262 * spread / len(needed) ** 0.5  # t of nine degrees of freedom
        spoken = f"{middle:.0f} ± {half:.0f} labels to {GOAL:.0%} ({min(needed)} … {max(needed)})"
        print(f"{order}: {spoken}, met in {len(needed)} of {len(runs)}")
    else:
        print(f"{order}: {GOAL:.0%} was never met")
    left, sure = sum(run.left for run in runs), sum(run.sure for run in runs)
    right = sum(run.right for run in runs) / max(sure, 1)
    print(
        f"  then sure of {sure / max(left, 1):.0%} of the photos nobody labelled, and right about {right:.1%} of these"
    )


def speed(table: Table, truth: list[bool]) -> None:
    """Seconds to fit 300 labels, and to score 100,000 photos."""
    labels = {place: float(truth[place]) for place in range(0, len(truth), max(1, len(truth) // 300))}
    began_s = time.process_time()
    ranking = fit_ranking(table, labels)
    fitted_s = time.process_time() - began_s
    if ranking is None:
        return
    times = -(-100_000 // table.photos)
    began_s = time.process_time()
    for _ in range(times):
        ranking.probabilities(table)
    scored_s = (time.process_time() - began_s) * 100_000 / (times * table.photos)
    print(f"fit of {len(labels)} labels × {len(table.columns)} columns: {fitted_s:.2f} s of a core")
    print(f"100,000 photos scored: {scored_s:.2f} s of a core")


if __name__ == "__main__":
    sys.exit(main())
