"""Photos judged per hour on one core, by size and by part.

    python -m tests.benchmarks curation_speed [--data FOLDER] [--each 6]

Photographs of 1, 3, 6 and 12 megapixels: portraits enlarged, with film grain so that there is detail to decode, saved
as JPEG 90. One thread; CPU time of this process, so that other work here changes little.
"""

import argparse
import io
import sys
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
from PIL import Image

from tests.benchmarks import damage
from tests.benchmarks.duplicates import opened, portraits
from workers.curation.face_frame import face_frame
from workers.curation.fingerprint import fingerprint
from workers.curation.gates import GATES
from workers.curation.look import Look
from workers.photos.opening import open_photo
from workers.tasks.one_core import keep_to_one_core

MEGAPIXELS = (1, 3, 6, 12)
GOAL_PER_HOUR = 20_000


def photograph(path: Path, megapixels: float, seed: int) -> bytes:
    """The portrait at that size, as a JPEG file."""
    pixels = opened(path)
    pixels = damage.resized(pixels, float(np.sqrt(megapixels * 1e6 / (pixels.shape[0] * pixels.shape[1]))))
    sink = io.BytesIO()
    Image.fromarray(damage.film_grain(pixels, 4, 0.6, seed)).save(sink, "JPEG", quality=90)
    return sink.getvalue()


def parts(body: bytes) -> dict[str, float]:
    """CPU seconds of every part of judging one photo."""
    spent: dict[str, float] = {}
    last_s = time.process_time()

    def lap(name: str) -> None:
        nonlocal last_s
        now_s = time.process_time()
        spent[name], last_s = now_s - last_s, now_s

    photo = open_photo(body, max_bytes=1 << 28, max_px=10**8)
    lap("decode")
    look = Look(photo, face_frame(photo.pixels))
    lap("face frame")
    _ = look.small, look.small_luma, look.frame_luma
    lap("shared views")
    for name, gate in GATES.items():
        gate(look)
        lap(name)
    fingerprint(look.small)
    lap("fingerprint")
    return spent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--each", type=int, default=6, help="photographs of each size")
    asked = parser.parse_args()
    keep_to_one_core()
    files = [path for path in portraits(asked.data)[0] if path.parent.name in ("studio", "photos")]
    chosen = files[:: max(1, len(files) // asked.each)][: asked.each]
    spent: dict[float, dict[str, list[float]]] = {}
    for megapixels in MEGAPIXELS:
        bodies = [photograph(path, megapixels, number) for number, path in enumerate(chosen)]
        parts(bodies[0])  # warm
        found: dict[str, list[float]] = defaultdict(list)
        for body in bodies:
            for name, took_s in parts(body).items():
                found[name].append(took_s)
        spent[megapixels] = found
    print(f"{'ms of CPU a photo':<20}" + "".join(f"{size:>7} Mpx" for size in MEGAPIXELS))
    for name in spent[MEGAPIXELS[0]]:
        print(f"{name:<20}" + "".join(f"{1000 * np.mean(spent[size][name]):11.1f}" for size in MEGAPIXELS))
    totals = [sum(float(np.mean(each)) for each in spent[size].values()) for size in MEGAPIXELS]
    print(f"{'all':<20}" + "".join(f"{1000 * total:11.1f}" for total in totals))
    print(f"{'photos/hour/core':<20}" + "".join(f"{3600 / total:11,.0f}" for total in totals))
    print(f"goal: {GOAL_PER_HOUR:,} at every size")
    return 0 if all(3600 / total >= GOAL_PER_HOUR for total in totals) else 1


if __name__ == "__main__":
    sys.exit(main())
