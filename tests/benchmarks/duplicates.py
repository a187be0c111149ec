"""How well copies of portraits are found among portraits, and how long 10^5 photos take.

    python -m tests.benchmarks duplicates --data FOLDER [--each 1] [--many 100000] [--cache FOLDER]

FOLDER/portraits holds JPEG portraits in folders, and people.csv; without it the portraits of the demo are used. Every
`each`-th portrait has one copy of each kind; all portraits are among them. Recall: share of copies in their original's
group. Precision: of the pairs that a group holds, those that show one portrait, or one person (where the photograph
itself is there twice).
"""

import argparse
import itertools
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from tests.benchmarks import damage
from workers.curation.fingerprint import Fingerprint, fingerprint
from workers.curation.near_duplicates import near_groups

DEMO = Path(__file__).parents[2] / "deploy" / "demo" / "photos"
GOAL = 0.99

Pixels = damage.Pixels
KINDS: dict[str, Callable[[Pixels, int], Pixels]] = {
    "JPEG 40": lambda p, seed: damage.jpeg(p, 40),
    "half the size": lambda p, seed: damage.resized(p, 0.5),
    "0.37 of the size": lambda p, seed: damage.resized(p, 0.37, "lanczos"),
    "2.2 times the size": lambda p, seed: damage.resized(p, 2.2),
    "cropped 10 %": lambda p, seed: damage.cropped(p, 0.1, seed),
    "cropped 30 %": lambda p, seed: damage.cropped(p, 0.3, seed),
    "mirrored": lambda p, seed: damage.flipped(p),
    "mirrored, cropped 20 %": lambda p, seed: damage.cropped(damage.flipped(p), 0.2, seed),
    "brighter": lambda p, seed: damage.exposed(p, 0.7),
    "darker": lambda p, seed: damage.exposed(p, -1.0),
    "grey": lambda p, seed: damage.grey(p),
    "toned": lambda p, seed: damage.grey(p, (1, 0.88, 0.7)),
    "all at once": lambda p, seed: damage.jpeg(
        damage.resized(damage.cropped(damage.exposed(damage.grey(damage.flipped(p)), 0.4), 0.2, seed), 0.7), 60
    ),
}


def wilson(hits: int, of: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927)."""
    if not of:
        return 0.0, 1.0
    z, share = 1.96, hits / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z * np.sqrt(share * (1 - share) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def opened(path: Path) -> Pixels:
    return np.array(Image.open(path).convert("RGB"))


def portraits(data: Path | None) -> tuple[list[Path], list[str]]:
    """Files, and who is on each."""
    folder = data / "portraits" if data else DEMO
    files = sorted(folder.rglob("*.jpg"))
    lines = (folder / "people.csv").read_text().splitlines()[1:]
    people = dict(line.split(",")[:2] for line in lines if "," in line)
    return files, [people.get(str(path.relative_to(folder)), str(path)) for path in files]


def fingerprints(files: Sequence[Path], name: str, cache: Path | None) -> list[Fingerprint]:
    """Those of the files, or of a copy of each of the kind `name`; kept as text in `cache`."""
    kept = cache / f"{name.replace(' ', '_')}-{len(files)}.txt" if cache else None
    if kept and kept.exists():
        return [Fingerprint.from_text(text) for text in kept.read_text().splitlines()]
    texts = []
    for number, path in enumerate(files):
        pixels = opened(path)
        texts.append(fingerprint(KINDS[name](pixels, number) if name in KINDS else pixels).to_text())
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text("\n".join(texts))
    return [Fingerprint.from_text(text) for text in texts]


def quality(
    originals: list[Fingerprint],
    copies: dict[str, list[Fingerprint]],
    people: list[str],
    files: Sequence[Path],
    each: int,
) -> bool:
    """Prints recall by kind and precision over all pairs; whether both reach the goal."""
    owners = list(range(len(originals)))
    for kind in copies.values():
        owners += [each * number for number in range(len(kind))]
    groups = near_groups(originals + [one for kind in copies.values() for one in kind])
    print(f"{len(originals)} portraits and {len(owners) - len(originals)} copies together")
    print("kind                      recall   95 %")
    start, hits_of_all = len(originals), 0
    for kind, made in copies.items():
        hits = sum(groups[start + number] == groups[owners[start + number]] for number in range(len(made)))
        low, high = wilson(hits, len(made))
        print(f"{kind:<24} {hits / len(made):7.4f}   {low:.4f} … {high:.4f}")
        start, hits_of_all = start + len(made), hits_of_all + hits
    good, wrong = _pairs(groups, owners, people, files)
    total = len(owners) - len(originals)
    recall, precision = hits_of_all / total, good / max(1, good + wrong)
    for name, share, of in (("recall", recall, total), ("precision", precision, good + wrong)):
        low, high = wilson(round(share * of), of)
        print(f"{name} {share:.5f} ({low:.5f} … {high:.5f}) of {of}; goal {GOAL}")
    return recall >= GOAL and precision >= GOAL


def _pairs(
    groups: Sequence[int], owners: Sequence[int], people: Sequence[str], files: Sequence[Path]
) -> tuple[int, int]:
    """(pairs of one portrait or of one person, pairs of different people) in one group; prints who was joined."""
    members: dict[int, list[int]] = defaultdict(list)
    for group, owner in zip(groups, owners, strict=True):
        members[group].append(owner)
    good = wrong = 0
    for group in members.values():
        for one, other in itertools.combinations(group, 2):
            good, wrong = (good + 1, wrong) if people[one] == people[other] else (good, wrong + 1)
        several = sorted(set(group))
        if len(several) > 1:
            told = "one person" if len({people[each] for each in several}) == 1 else "DIFFERENT PEOPLE"
            print(f"  in one group, {told}: {', '.join(files[each].name for each in several)}")
    return good, wrong


def crowd(originals: list[Fingerprint], many: int, seed: int) -> tuple[list[Fingerprint], int]:
    """`many` fingerprints: patterns dealt anew among real portraits, as other people in like pictures; and 1,000
    copies of some of them at the end, a quarter of the patterns lost and three signs of each other turned."""
    chance = np.random.default_rng(seed)
    found = []
    copies = min(1000, many // 10)
    for _ in range(many - copies):
        one, other = (originals[int(each)] for each in chance.integers(0, len(originals), 2))
        keep, take = chance.random(len(one.bits)) < 0.5, chance.random(len(other.bits)) < 0.5
        bits = np.concatenate([one.bits[keep], other.bits[take]])
        for _ in range(4):
            bits ^= np.uint64(1) << chance.integers(0, 64, len(bits), dtype=np.uint64)
        mixed = cv2.resize(other.thumb, one.thumb.shape[::-1]).astype(np.float32)
        thumb = np.clip((one.thumb + mixed) / 2 + chance.normal(0, 8, one.thumb.shape), 0, 255).astype(np.uint8)
        xy = np.concatenate([one.xy[keep], other.xy[take]])
        size, angle = (np.concatenate([getattr(one, n)[keep], getattr(other, n)[take]]) for n in ("size", "angle"))
        found.append(Fingerprint(thumb, *(each[:48] for each in (xy, size, angle, bits))))
    for number in range(copies):
        one = found[number]
        keep = chance.random(len(one.bits)) < 0.75
        bits = one.bits[keep]
        for _ in range(3):
            bits = bits ^ (np.uint64(1) << chance.integers(0, 64, len(bits), dtype=np.uint64))
        found.append(Fingerprint(one.thumb, one.xy[keep], one.size[keep], one.angle[keep], bits))
    return found, copies


def at_size(originals: list[Fingerprint], many: int) -> None:
    """Prints time and memory of grouping `many`."""
    prints, copies = crowd(originals, many, 1)
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began_s, cpu_s = time.perf_counter(), time.process_time()
    groups = near_groups(prints)
    took_s, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = sum(groups[many - copies + number] == groups[number] for number in range(copies))
    largest = max(np.bincount(np.unique(groups, return_inverse=True)[1]))
    print(
        f"{many:,} fingerprints: {took_s:.0f} s ({cpu_s:.0f} CPU s), peak {peak_kib / 2**20:.2f} GiB "
        f"({before_kib / 2**20:.2f} before); {found} of {copies} copies found; largest group {largest}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--each", type=int, default=1, help="every how many-eth portrait")
    parser.add_argument("--many", type=int, default=100_000)
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    files, people = portraits(asked.data)
    originals = fingerprints(files, "original", asked.cache)
    copies = {kind: fingerprints(files[:: asked.each], kind, asked.cache) for kind in KINDS}
    met = quality(originals, copies, people, files, asked.each)
    if asked.many:
        at_size(originals, asked.many)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
