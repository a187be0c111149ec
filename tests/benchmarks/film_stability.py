"""How still a film stands: the same walk with one noise for all frames, and with a noise for each.

Differences of neighbouring frames in the finest band (a picture less its half-size area mean), on the weights that
ship. Fails where still noise is not calmer, or where a film that stays at one face is not one picture.
"""

import itertools
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from farm.planning import recipe_for
from farm.specs import FilmSpec, parse_spec
from tests.workers.cascade.shipped import shipped_cascade
from workers.cascade.cascade import Cascade
from workers.cascade.pixels import Picture, area_resample
from workers.rendering.film import FilmFormat, FilmWriter

WALKS = {"a walk": (3, 17, 99), "one face": (3, 3)}
SIZE_PX, SECONDS, FPS = 1024, 2, 12


def main() -> int:
    """Print all figures; 1 when a goal was missed."""
    cascade = shipped_cascade()
    print(f"{SECONDS} s, {FPS} frames a second, {SIZE_PX} px; levels of 255")
    figures: dict[tuple[str, str], float] = {}
    for (name, keys), noise in itertools.product(WALKS.items(), ("still", "moving")):
        frames = _frames(cascade, keys, noise)
        changes = [abs(one - other).mean() for one, other in itertools.pairwise(map(_finest, frames))]
        figures[name, noise] = float(np.mean(changes))
        size = _file_bytes(frames)
        print(f"{name}, {noise} noise: finest band {np.mean(changes):.3f}, as H.264 {size:,} bytes", flush=True)
    for name in WALKS:
        still, moving = figures[name, "still"], figures[name, "moving"]
        print(f"{name}: moving noise changes the finest band {moving / still if still else np.inf:.2f} times as much")
    calm = all(figures[name, "still"] < figures[name, "moving"] for name in WALKS)
    return 0 if calm and figures["one face", "still"] == 0 else 1


def _frames(cascade: Cascade, keys: tuple[int, ...], noise: str) -> list[Picture]:
    told = {"keys": keys, "seconds": SECONDS, "fps": FPS, "size_px": SIZE_PX, "noise": noise}
    spec = parse_spec({"kind": "film", "cascade": cascade.digest, **told})
    if not isinstance(spec, FilmSpec):
        raise TypeError(f"{type(spec).__name__} is no film")
    recipes = [recipe_for(spec, frame, sizes=cascade.sizes_px) for frame in range(spec.frames)]
    unlike = {recipe.digest: recipe for recipe in recipes}
    painted = dict(zip(unlike, cascade.render(list(unlike.values())), strict=True))
    return [painted[recipe.digest] for recipe in recipes]


def _finest(picture: Picture) -> NDArray[np.float32]:
    half = area_resample(picture, height=SIZE_PX // 2, width=SIZE_PX // 2).astype(np.float32)
    return picture - half.repeat(2, axis=0).repeat(2, axis=1)


def _file_bytes(frames: list[Picture]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        with FilmWriter(path, FilmFormat(codec="h264", side_px=SIZE_PX, fps=FPS, quality=80, comment="")) as film:
            for frame in frames:
                film.add(frame)
        return path.stat().st_size


if __name__ == "__main__":
    sys.exit(main())
