"""How many portraits a second the encoders write, by threads: `python -m tests.benchmarks.encoders`.

Real portraits of the demo cascade at 1024 px. Our PNG writer, and JPEG XL without loss at effort 1 where imagecodecs is
installed (it is no dependency: nothing in the farm writes JPEG XL yet). By the clock, and by processor time, which a
busy machine disturbs less.
"""

import importlib
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tests.workers.cascade.shipped import shipped_cascade
from tests.workers.cascade.tiny import recipes_of
from workers.cascade.pixels import Picture
from workers.rendering.png import encode_png

Encode = Callable[[Picture], bytes]
PORTRAITS, TRIES = 8, 5
EXTRAPOLATED_CORES = 16


def encoders() -> Mapping[str, Encode]:
    """Those that can be had here."""
    found: dict[str, Encode] = {"PNG, ours": lambda picture: encode_png(picture, text={"recipe": "{}"})}
    try:
        codecs = importlib.import_module("imagecodecs")
    except ImportError:
        print("imagecodecs is not installed: no figure for JPEG XL", file=sys.stderr)
        return found
    found["JPEG XL, lossless, effort 1"] = lambda picture: codecs.jpegxl_encode(
        picture, lossless=True, effort=1, numthreads=1
    )
    return found


def capacity(encode: Encode, pictures: list[Picture], *, threads: int) -> tuple[float, float]:
    """Portraits a second by the clock, and by a second of processor time; medians."""
    clock, processor = [], []
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(TRIES):
            began_s, spent_s = time.perf_counter(), time.process_time()
            list(pool.map(encode, pictures * threads))
            clock.append(len(pictures) * threads / (time.perf_counter() - began_s))
            processor.append(len(pictures) * threads / (time.process_time() - spent_s))
    return statistics.median(clock), statistics.median(processor)


def table(pictures: list[Picture], *, threads: tuple[int, ...] = (1, 2)) -> None:
    """Every encoder by threads."""
    print("| encoder | MB a portrait | threads | portraits/s, clock | portraits/s of processor time |")
    print("|---|---|---|---|---|")
    for name, encode in encoders().items():
        size = np.mean([len(encode(picture)) for picture in pictures]) / 1e6
        for count in threads:
            clock, processor = capacity(encode, pictures, threads=count)
            print(f"| {name} | {size:.2f} | {count} | {clock:.0f} | {processor:.0f} |")
        cores = EXTRAPOLATED_CORES
        print(f"| {name} | | {cores} cores, extrapolated: {cores} times the last figure | | {cores * processor:.0f} |")


def main() -> int:
    """Print the table."""
    cascade = shipped_cascade()
    table(list(cascade.render(recipes_of(cascade, range(PORTRAITS), steps=2))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
