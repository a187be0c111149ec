"""How well the gates see what they are for: ROC area by gate, with its 95 % interval, beside a baseline and in grey.

    python -m tests.benchmarks gates --data FOLDER [--cache FOLDER] [--limit 40] [--tasks drawn,jpeg]

tests/benchmarks/gate_pictures.py says how FOLDER is laid out and what is done to its portraits. Intervals: 2,000
bootstrap draws of whole sources (a person, a file). The baseline knows the picture's size and its mean saturation, and
for real files also format, mode and the mean of the quantisation tables: a linear discriminant, fitted and judged on
different sources (five folds). The gates' own constants were chosen with pictures of the same folder: on those the
figures flatter, on damaged portraits of other people they do not.
"""

import argparse
import hashlib
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.benchmarks import damage
from tests.benchmarks.duplicates import wilson
from tests.benchmarks.gate_pictures import Case, cases
from workers.curation.face_frame import face_frame
from workers.curation.gates import GATES
from workers.curation.look import Look
from workers.photos.opening import open_photo

Features = dict[str, float]
Score = Callable[[Features], float]

SCORES: dict[str, tuple[str, Score, float | None]] = {
    "drawn": ("drawn", lambda f: f["drawn"], 0.95),
    "halftone": ("halftone", lambda f: f["halftone"], 0.98),
    "enlarged": ("native_size", lambda f: f["frame_px"] / max(f["native_size"], 1), 0.98),
    "enlarged, then JPEG 85": ("native_size", lambda f: f["frame_px"] / max(f["native_size"], 1), None),
    "jpeg": ("jpeg", lambda f: -f["jpeg"], 0.99),
    "jpeg resized": ("jpeg", lambda f: -f["jpeg"], None),
    "blur": ("blur", lambda f: f["blur"], None),
    "noise": ("noise", lambda f: f["noise"], None),
    "sharpening": ("sharpening", lambda f: f["sharpening"], None),
    "borders": ("borders", lambda f: f["borders"], None),
    "exposure": ("exposure", lambda f: f["exposure"], None),
    "greyscale": ("greyscale", lambda f: -f["greyscale"], None),
}
"""Task → (the gate it needs, how bad its features are, the goal)."""


def roc_area(scores: NDArray[np.float64], bad: NDArray[np.bool_], weights: NDArray[np.float64] | None = None) -> float:
    """Chance that a bad picture scores higher than a good one, ties half; weights: how often each counts."""
    weights = np.ones(len(scores)) if weights is None else weights
    values, place = np.unique(scores, return_inverse=True)
    bads = np.bincount(place, weights * bad, minlength=len(values))
    goods = np.bincount(place, weights * ~bad, minlength=len(values))
    below = np.cumsum(goods) - goods
    return float((bads * (below + goods / 2)).sum() / max(bads.sum() * goods.sum(), 1e-12))


def interval(scores: NDArray[np.float64], bad: NDArray[np.bool_], sources: Sequence[str]) -> tuple[float, float]:
    """95 % of the ROC area, sources drawn with replacement, bad-only, good-only and mixed ones apart."""
    names, owner = np.unique(np.array(sources), return_inverse=True)
    share = np.bincount(owner, bad) / np.bincount(owner)
    strata = [np.flatnonzero(share == 1), np.flatnonzero(share == 0), np.flatnonzero((share > 0) & (share < 1))]
    chance, areas = np.random.default_rng(0), []
    for _ in range(2000):
        drawn = np.concatenate([chance.choice(part, len(part)) for part in strata if len(part)])
        areas.append(roc_area(scores, bad, np.bincount(drawn, minlength=len(names)).astype(float)[owner]))
    return float(np.quantile(areas, 0.025)), float(np.quantile(areas, 0.975))


def baseline(features: Sequence[Features], bad: NDArray[np.bool_], sources: Sequence[str]) -> NDArray[np.float64]:
    """Scores out of fold of a linear discriminant on `meta_…`: folds by the sha256 of the source."""
    names = sorted(name for name in features[0] if name.startswith("meta_"))
    table = np.array([[each[name] for name in names] for each in features])
    table = (table - table.mean(axis=0)) / np.maximum(table.std(axis=0), 1e-9)
    folds = np.array([hashlib.sha256(source.encode()).digest()[0] % 5 for source in sources])
    scores = np.zeros(len(bad))
    for fold in range(5):
        inside, outside = folds == fold, folds != fold
        means = [
            table[outside & (bad == which)].mean(axis=0) for which in (True, False) if (outside & (bad == which)).any()
        ]
        if len(means) < 2 or not inside.any():
            continue
        within = np.cov(table[outside].T) + 0.1 * np.eye(len(names))
        scores[inside] = table[inside] @ np.linalg.solve(within, means[0] - means[1])
    return scores


def measured(case: Case, *, grey: bool) -> Features:
    """Every gate's value and details, and what the baseline may know, of one case; real files keep their bytes."""
    pixels = case.pixels()
    saturation = float(cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV)[..., 1].mean()) if not grey else 0.0
    if grey:
        pixels = damage.grey(pixels)
    as_file = not case.steps and not grey
    body = case.path.read_bytes() if as_file else bytes(cv2.imencode(".png", pixels[..., ::-1])[1])
    photo = open_photo(body, max_bytes=1 << 28, max_px=10**8)
    frame = face_frame(photo.pixels)
    look = Look(photo, frame)
    found: Features = {"frame_px": float(frame.px), **_metadata(case.path), "meta_saturation": saturation}
    found |= {"meta_width": photo.facts.width_px, "meta_height": photo.facts.height_px}
    for name, gate in GATES.items():
        told = asdict(gate(look))
        if not isinstance(told["value"], str):
            found[name] = float(told["value"])
        found |= {f"{name}.{detail}": float(value) for detail, value in told["details"].items()}
    return found


def _metadata(path: Path) -> Features:
    with Image.open(path) as picture:
        tables = getattr(picture, "quantization", None) or {}
        mean = float(np.mean([np.mean(table) for table in tables.values()])) if tables else 0.0
        return {
            "meta_png": float(picture.format == "PNG"),
            "meta_grey_mode": float(picture.mode == "L"),
            "meta_tables": mean,
            "meta_bytes_px": path.stat().st_size / (picture.width * picture.height),
        }


def all_measured(wanted: Sequence[Case], *, grey: bool, cache: Path | None) -> list[Features]:
    """Features of every case, kept in `cache` under the case's key; one picture of several tasks is measured once."""
    known: dict[str, Features] = {}
    kept = cache / f"features-{'grey' if grey else 'plain'}.jsonl" if cache else None
    if kept and kept.exists():
        known = dict(json.loads(line) for line in kept.read_text().splitlines())
    for number, case in enumerate(wanted):
        if case.key not in known:
            known[case.key] = measured(case, grey=grey)
            if kept:
                with kept.open("a") as sink:
                    sink.write(json.dumps([case.key, known[case.key]]) + "\n")
        if number % 200 == 199:
            print(f"  {number + 1} of {len(wanted)} measured", file=sys.stderr, flush=True)
    return [known[case.key] for case in wanted]


def table(task: str, wanted: Sequence[Case], features: Sequence[Features], *, grey: bool) -> bool:
    """Prints the rows of one task; whether its goal, if any, is met."""
    _, score, goal = SCORES[task]
    bad = np.array([case.bad for case in wanted])
    sources = [case.source for case in wanted]
    scores = np.array([score(each) for each in features])
    area, (low, high) = roc_area(scores, bad), interval(scores, bad, sources)
    beside = roc_area(baseline(features, bad, sources), bad)
    aim = f"{goal:.2f}" if goal else "  – "
    told = f"{bad.sum()} of {len(bad)}"
    print(f"{task:<24}{'grey' if grey else '':<6}{area:6.3f}  {low:.3f} … {high:.3f}  {aim}  {beside:8.3f}  {told}")
    for part in sorted({case.part for case in wanted if case.bad}):
        chosen = np.array([not case.bad or case.part == part for case in wanted])
        print(f"    {part:<28}{roc_area(scores[chosen], bad[chosen]):6.3f}  ({(chosen & bad).sum()})")
    return goal is None or area >= goal


def native_share(wanted: Sequence[Case], features: Sequence[Features]) -> None:
    """Prints how often the native size is within ±15 % of the truth on enlarged pictures, by filter."""
    hits: dict[str, list[bool]] = defaultdict(list)
    for case, each in zip(wanted, features, strict=True):
        if case.bad:
            close = abs(each["native_size"] / (each["frame_px"] / case.truth) - 1) <= 0.15
            hits[case.part].append(close)
            hits["all"].append(close)
    for part, found in hits.items():
        low, high = wilson(sum(found), len(found))
        goal = "  goal 0.90" if part == "all" else ""
        print(f"    native size ±15 %, {part:<9}{np.mean(found):6.3f}  {low:.3f} … {high:.3f}{goal}")


def run(wanted: Iterable[Case], cache: Path | None) -> bool:
    everything = list(wanted)
    met = True
    print(f"{'task':<30}{'area':>6}  {'95 %':<15}  goal  baseline  bad of all")
    for grey in (False, True):
        for task in [task for task, (gate, _, _) in SCORES.items() if gate in GATES]:
            if grey and task == "greyscale":
                continue
            chosen = [case for case in everything if case.task == task]
            if len({case.bad for case in chosen}) < 2:
                continue
            features = all_measured(chosen, grey=grey, cache=cache)
            met &= table(task, chosen, features, grey=grey)
            if task.startswith("enlarged"):
                native_share(chosen, features)
    missing = sorted({gate for gate, _, _ in SCORES.values()} - set(GATES))
    if missing:
        print(f"not measured, no such gate: {', '.join(missing)}")
    return met


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--limit", type=int, default=40)
    parser.add_argument("--tasks", default=",".join(SCORES).replace("enlarged, then JPEG 85", "enlarged"))
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    if asked.cache:
        asked.cache.mkdir(parents=True, exist_ok=True)
    names = asked.tasks.split(",")
    wanted = [case for case in cases(asked.data, asked.limit) if case.task.split(",")[0] in names]
    return 0 if run(wanted, asked.cache) else 1


if __name__ == "__main__":
    sys.exit(main())
