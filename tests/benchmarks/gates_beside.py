"""The same copies and the same damage for cleanvision and imagededup, beside ours.

    python -m tests.benchmarks gates_beside --python VENV/bin/python [--data FOLDER] [--each 8]

VENV holds cleanvision (0.3.7) and imagededup (0.3.3; its perceptual hash alone needs neither torch nor weights). A
library that is not there is skipped with a word. Pairs: recall of copies with their original, precision of all pairs
named. Damage: share flagged of damaged and of clean portraits. Seconds are wall clock of one process.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from tests.benchmarks import damage
from tests.benchmarks.duplicates import KINDS, opened, portraits
from workers.curation.face_frame import face_frame
from workers.curation.fingerprint import fingerprint
from workers.curation.gates import GATES
from workers.curation.look import Look
from workers.curation.near_duplicates import near_groups
from workers.photos.opening import open_photo

THEIRS = r"""
import importlib.util, json, sys, time, types
folder, which = sys.argv[1:3]
began = time.perf_counter()
if which == "cleanvision":
    from cleanvision import Imagelab
    lab = Imagelab(data_path=folder, verbose=False)
    lab.find_issues(n_jobs=1, verbose=False)
    table = lab.issues
    columns = [name for name in table.columns if name.startswith("is_")]
    flags = {str(path): [name[3:-6] for name in columns if row[name]] for path, row in table.iterrows()}
    kinds = ("exact_duplicates", "near_duplicates")
    sets = [[str(path) for path in group] for kind in kinds for group in lab.info[kind]["sets"]]
    told = {"sets": sets, "flags": flags}
else:
    # The package's front door imports torch for its other methods; the hash does not need it.
    root = importlib.util.find_spec("imagededup").submodule_search_locations[0]
    front = types.ModuleType("imagededup.methods")
    front.__path__ = [root + "/methods"]
    sys.modules["imagededup.methods"] = front
    from imagededup.methods.hashing import PHash
    hasher = PHash(verbose=False)
    found = hasher.find_duplicates(image_dir=folder, max_distance_threshold=10, num_enc_workers=0, num_dist_workers=0)
    told = {"pairs": sorted({tuple(sorted((a, b))) for a, others in found.items() for b in others}), "flags": {}}
told["seconds"] = time.perf_counter() - began
json.dump(told, open(sys.argv[3], "w"))
"""

DAMAGE = {
    "clean": lambda p: p,
    "blur σ 4": lambda p: damage.blurred(p, 4),
    "−3 stops": lambda p: damage.exposed(p, -3),
    "+3 stops": lambda p: damage.exposed(p, 3),
    "grey": damage.grey,
}
_FLAG = {"blur σ 4": "blurry", "−3 stops": "dark", "+3 stops": "light", "grey": "grayscale"}


def theirs(python: Path, folder: Path, which: str) -> dict[str, Any] | None:
    """What the library says of a folder; None, with a word, where it cannot be asked."""
    with tempfile.NamedTemporaryFile(suffix=".json") as sink:
        command = [str(python), "-c", THEIRS, str(folder), which, sink.name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"{which}: skipped: {done.stderr.strip().splitlines()[-1:]}")
            return None
        told: dict[str, Any] = json.loads(Path(sink.name).read_text())
        return told


def copies_into(folder: Path, files: Sequence[Path]) -> dict[str, int]:
    """Originals and a copy of every kind as files; name → number of the original."""
    owner = {}
    for number, path in enumerate(files):
        made = {"original": opened(path)}
        made |= {kind: change(made["original"], number) for kind, change in KINDS.items()}
        for kind, pixels in made.items():
            name = f"{number:04d}-{kind.replace(' ', '_')}.png"
            Image.fromarray(pixels).save(folder / name, compress_level=1)
            owner[name] = number
    return owner


def pair_quality(name: str, pairs: set[tuple[str, str]], owner: dict[str, int], seconds: float) -> None:
    """Prints recall by kind, precision of pairs and time. pairs: sorted names."""
    right = sum(owner[a] == owner[b] for a, b in pairs)
    rows, total, hits = [], 0, 0
    for kind in KINDS:
        ends = [each for each in owner if each.endswith(f"-{kind.replace(' ', '_')}.png")]
        found = sum(tuple(sorted((each, f"{each[:4]}-original.png"))) in pairs for each in ends)
        rows.append(f"{kind} {found / len(ends):.2f}")
        total, hits = total + len(ends), hits + found
    precision = right / max(1, len(pairs))
    print(f"{name:<12} recall {hits / total:.3f}, precision {precision:.4f} of {len(pairs)} pairs, {seconds:.0f} s")
    print("   " + ", ".join(rows))


def in_pairs(sets: Sequence[Sequence[str]]) -> set[tuple[str, str]]:
    named = [sorted(Path(each).name for each in group) for group in sets]
    return {(a, b) for group in named for place, a in enumerate(group) for b in group[place + 1 :]}


def duplicates(python: Path, files: Sequence[Path], folder: Path) -> None:
    owner = copies_into(folder, files)
    print(f"{len(files)} portraits with {len(KINDS)} copies each")
    began_s = time.perf_counter()
    groups = near_groups([fingerprint(opened(folder / name)) for name in owner])
    members: dict[int, list[str]] = {}
    for name, group in zip(owner, groups, strict=True):
        members.setdefault(group, []).append(name)
    pair_quality("ours", in_pairs(list(members.values())), owner, time.perf_counter() - began_s)
    if told := theirs(python, folder, "cleanvision"):
        pair_quality("cleanvision", in_pairs(told["sets"]), owner, told["seconds"])
    if told := theirs(python, folder, "imagededup"):
        pair_quality("imagededup", {(a, b) for a, b in told["pairs"]}, owner, told["seconds"])


def flags(python: Path, files: Sequence[Path], folder: Path) -> None:
    """Share flagged of each damage. Ours: beyond the 95 % quantile of the clean ones, of the gate that is for it."""
    values: dict[str, dict[str, list[float]]] = {kind: {} for kind in DAMAGE}
    measures = {"blurry": "blur", "dark": "exposure", "light": "exposure", "grayscale": "greyscale"}
    for number, path in enumerate(files):
        for kind, change in DAMAGE.items():
            file = folder / f"{number:04d}-{kind.replace(' ', '_')}.png"
            Image.fromarray(change(opened(path))).save(file, compress_level=1)
            photo = open_photo(file.read_bytes(), max_bytes=1 << 28, max_px=10**8)
            look = Look(photo, face_frame(photo.pixels))
            for gate in set(measures.values()) & set(GATES):
                values[kind].setdefault(gate, []).append(float(GATES[gate](look).value))
    told = theirs(python, folder, "cleanvision")
    for kind, issue in _FLAG.items():
        gate = measures[issue]
        line = f"{kind:<10} "
        if gate in GATES:
            sign = -1 if gate == "greyscale" else 1
            limit = np.quantile(sign * np.array(values["clean"][gate]), 0.95)
            line += f"ours {np.mean(sign * np.array(values[kind][gate]) > limit):.2f} (clean 0.05)"
        if told:
            seen = {}
            for name in (kind, "clean"):
                end = f"-{name.replace(' ', '_')}.png"
                seen[name] = [issue in found for each, found in told["flags"].items() if each.endswith(end)]
            line += f"; cleanvision {np.mean(seen[kind]):.2f} (clean {np.mean(seen['clean']):.2f})"
        print(line)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", type=Path, default=Path(sys.executable))
    parser.add_argument("--data", type=Path)
    parser.add_argument("--each", type=int, default=8)
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    files = portraits(asked.data)[0]
    with tempfile.TemporaryDirectory(prefix="beside-") as one, tempfile.TemporaryDirectory(prefix="beside-") as other:
        duplicates(asked.python, files[:: asked.each], Path(one))
        studio = [path for path in files if path.parent.name in ("studio", "photos")]
        flags(asked.python, studio[::3], Path(other))
    return 0


if __name__ == "__main__":
    sys.exit(main())
