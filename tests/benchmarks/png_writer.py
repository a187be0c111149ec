"""Our PNG writer against Pillow's default and OpenCV's, on real 1024 px portraits, one thread.

`python -m tests.benchmarks.png_writer` prints a table and exits 1 when the goal is missed: at least 25 times faster
than Pillow's default, at most 1.2 times its size, equal pixels through Pillow, OpenCV and libvips. Times are taken in
pairs (ours, theirs, ours, …) in one run, as processor time of the thread, because machines are shared.
"""

import io
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pyvips
from numpy.typing import NDArray
from PIL import Image

from workers.rendering.png import encode_png

Picture = NDArray[np.uint8]
Encoder = Callable[[Picture], bytes]

PHOTOS = Path(__file__).parents[2] / "deploy" / "demo" / "photos"
SIDE_PX, PORTRAITS, PAIRS = 1024, 6, 5
GOAL_TIMES_FASTER, GOAL_TIMES_SIZE = 25.0, 1.2


@dataclass(frozen=True)
class Comparison:
    """One other encoder: milliseconds a portrait of both, by pair, and bytes of all portraits."""

    name: str
    ours_ms: tuple[float, ...]
    theirs_ms: tuple[float, ...]
    times_size: float

    @property
    def times_faster(self) -> list[float]:
        return [theirs / ours for ours, theirs in zip(self.ours_ms, self.theirs_ms, strict=True)]


def ours(picture: Picture) -> bytes:
    return encode_png(picture, text={"recipe": "{}"})


def pillow(level: int) -> Encoder:
    def encode(picture: Picture) -> bytes:
        sink = io.BytesIO()
        Image.fromarray(picture).save(sink, "PNG", compress_level=level)
        return sink.getvalue()

    return encode


def opencv(picture: Picture) -> bytes:
    return cv2.imencode(".png", picture[:, :, ::-1])[1].tobytes()


def portraits(count: int = PORTRAITS) -> list[Picture]:
    """Shipped photographs, enlarged to SIDE_PX: smoother than a rendered portrait, the same for every encoder."""
    paths = sorted(PHOTOS.glob("*.jpg"))[:count]
    size = (SIDE_PX, SIDE_PX)
    return [np.asarray(Image.open(p).convert("RGB").resize(size, Image.Resampling.BICUBIC)) for p in paths]


def compare(name: str, theirs: Encoder, pictures: Sequence[Picture], *, pairs: int = PAIRS) -> Comparison:
    """`pairs` interleaved measurements after one of each that is thrown away."""
    sizes = [sum(len(encode(picture)) for picture in pictures) for encode in (ours, theirs)]
    times = [(_ms(ours, pictures), _ms(theirs, pictures)) for _ in range(pairs)]
    return Comparison(name, tuple(t[0] for t in times), tuple(t[1] for t in times), sizes[0] / sizes[1])


def pixels_are_equal(pictures: Sequence[Picture]) -> bool:
    """Whether Pillow, OpenCV and libvips all read from our files what went in."""
    return all(_read_alike(ours(picture), picture) for picture in pictures)


def _read_alike(body: bytes, picture: Picture) -> bool:
    decoded = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_UNCHANGED)
    readings = [
        np.asarray(Image.open(io.BytesIO(body))),
        None if decoded is None else decoded[:, :, ::-1],
        pyvips.Image.new_from_buffer(body, "").numpy(),
    ]
    return all(reading is not None and np.array_equal(reading, picture) for reading in readings)


def _ms(encode: Encoder, pictures: Sequence[Picture]) -> float:
    began = time.thread_time()
    for picture in pictures:
        encode(picture)
    return (time.thread_time() - began) * 1000 / len(pictures)


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.median(values):7.1f} ({min(values):.1f} … {max(values):.1f})"


def main() -> int:
    cv2.setNumThreads(1)
    pictures = portraits()
    rivals = {"Pillow default (level 6)": pillow(6), "Pillow level 1": pillow(1), "OpenCV default": opencv}
    found = [compare(name, encode, pictures) for name, encode in rivals.items()]
    print(f"PNG of {len(pictures)} portraits at {SIDE_PX} px, one thread, median (range) of {PAIRS} interleaved pairs")
    print(f"{'against':26}{'ours ms':>24}{'theirs ms':>28}{'times faster':>24}{'our size':>10}")
    for each in found:
        cells = (_spread(each.ours_ms), _spread(each.theirs_ms), _spread(each.times_faster))
        print(f"{each.name:26}{cells[0]:>24}{cells[1]:>28}{cells[2]:>24}{each.times_size:10.2f}")
    equal = pixels_are_equal(pictures)
    print(f"pixels equal through Pillow, OpenCV and libvips: {'yes' if equal else 'NO'}")
    first = found[0]
    fast, small = statistics.median(first.times_faster) >= GOAL_TIMES_FASTER, first.times_size <= GOAL_TIMES_SIZE
    print(f"goal (≥ {GOAL_TIMES_FASTER:g} times faster, ≤ {GOAL_TIMES_SIZE:g} times the size): ", end="")
    print("met" if fast and small and equal else "MISSED")
    return 0 if fast and small and equal else 1


if __name__ == "__main__":
    sys.exit(main())
