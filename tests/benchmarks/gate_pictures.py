"""The pictures that the gates are measured on: labelled real ones, and portraits with damage of known strength.

FOLDER is laid out as gates/{drawn,halftone,photo} and portraits/{studio,official,people.csv}. Without one the studio
portraits of the demo are damaged, and nothing is measured that needs real drawings or prints.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from tests.benchmarks import damage
from tests.benchmarks.duplicates import portraits

Pixels = damage.Pixels


@dataclass(frozen=True, kw_only=True)
class Case:
    """A picture of a task. bad: whether the gate should see something. source: its bootstrap cluster (a person, a
    file). part: a finer label, for tables by part. truth: the known number, where there is one. steps: damage."""

    task: str
    path: Path
    bad: bool
    source: str
    part: str
    truth: float = 0.0
    steps: tuple[partial[Pixels], ...] = field(default=())

    @property
    def key(self) -> str:
        told = [f"{step.func.__name__}{step.args}{sorted(step.keywords.items())}" for step in self.steps]
        return f"{self.path.parent.name}/{self.path.name}|{'|'.join(told)}"

    def pixels(self) -> Pixels:
        picture = Image.open(self.path)
        if picture.mode == "RGBA":
            picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
        pixels = np.array(picture.convert("RGB"))
        for step in self.steps:
            pixels = step(pixels)
        return pixels


def cases(data: Path | None, limit: int) -> Iterator[Case]:
    """Every case; `limit`: damaged portraits for each task and strength, at most."""
    if data:
        yield from _real(data)
    files, people = portraits(data)
    studio = [(path, who) for path, who in zip(files, people, strict=True) if path.parent.name in ("studio", "photos")]
    for number, (path, who) in enumerate(studio[:limit]):
        yield from _damaged(path, who, np.random.default_rng(number))


def _real(data: Path) -> Iterator[Case]:
    photos = sorted((data / "gates" / "photo").iterdir())
    studio = sorted((data / "portraits" / "studio").glob("*.jpg"))
    official = sorted((data / "portraits" / "official").glob("*.jpg"))[::13]
    prints = sorted((data / "gates" / "halftone").iterdir())
    for path in sorted((data / "gates" / "drawn").iterdir()):
        yield Case(task="drawn", path=path, bad=True, source=path.name, part=path.name.split("-")[0])
    for task, others in (("drawn", prints), ("halftone", [])):
        for path in [*photos, *studio, *official, *others]:
            part = path.name.split("-")[0] if path in photos else path.parent.name
            yield Case(task=task, path=path, bad=False, source=path.name, part=part)
    for path in prints:
        yield Case(task="halftone", path=path, bad=True, source=path.name, part="real")
    for path in sorted((data / "gates" / "drawn").iterdir()):
        if not path.name.startswith("engraved"):
            yield Case(task="halftone", path=path, bad=False, source=path.name, part=path.name.split("-")[0])


_HALF = partial(damage.resized, factor=0.5, kind="lanczos")
"""Most bases are first halved: whatever the portrait's own past was, it is then sharp, clean and native."""

Step = partial[Pixels]
Told = tuple[str, str, tuple[Step, ...], float]
"""Task, part, steps, truth."""


def _damaged(path: Path, who: str, chance: np.random.Generator) -> Iterator[Case]:
    clean: list[Told] = [(task, "clean", (_HALF,), 0.0) for task in _TASKS]
    clean.append(("enlarged", "clean", (), 1.0))  # at its own size, as the enlarged ones are
    clean.append(("enlarged, then JPEG 85", "clean", (partial(damage.jpeg, quality=85),), 1.0))
    clean.append(("jpeg", "quality 95", (_HALF, partial(damage.jpeg, quality=95)), 95.0))
    clean.append(("jpeg resized", "resized alone", (_HALF, _resize(chance)), 0.0))
    bad = [*_enlarged(chance), *_jpegs(chance), *_softened(chance), *_noisy(chance), *_printed(chance), *_lit(chance)]
    for told, is_bad in ((clean, False), (bad, True)):
        for task, part, steps, truth in told:
            yield Case(task=task, path=path, bad=is_bad, source=who, part=part, truth=truth, steps=steps)


_TASKS = (
    *("jpeg", "jpeg resized", "blur", "noise", "sharpening", "borders", "exposure", "greyscale"),
    "halftone",
)


def _resize(chance: np.random.Generator) -> Step:
    return partial(damage.resized, factor=round(float(chance.uniform(0.6, 1.6)), 3))


def _enlarged(chance: np.random.Generator) -> Iterator[Told]:
    for kind in damage.FILTERS:
        factor = round(float(np.exp(chance.uniform(np.log(2), np.log(8)))), 2)
        steps = (
            partial(damage.resized, factor=1 / factor, kind="area"),
            partial(damage.resized, factor=factor, kind=kind),
        )
        yield "enlarged", kind, steps, factor
        yield "enlarged, then JPEG 85", kind, (*steps, partial(damage.jpeg, quality=85)), factor


def _jpegs(chance: np.random.Generator) -> Iterator[Told]:
    for quality in (20, 40, 50, 60):
        grid = (int(chance.integers(8)), int(chance.integers(8)))
        yield "jpeg", f"quality {quality}", (_HALF, partial(damage.jpeg, quality=quality, grid=grid)), quality
        steps = (_HALF, partial(damage.jpeg, quality=quality), _resize(chance))
        yield "jpeg resized", f"quality {quality}", steps, quality


def _softened(chance: np.random.Generator) -> Iterator[Told]:
    for sigma in (1.0, 2.0, 4.0):
        yield "blur", f"sigma {sigma}", (_HALF, partial(damage.blurred, sigma_px=sigma)), sigma
    angle = round(float(chance.uniform(0, 180)), 1)
    yield "blur", "motion 9", (_HALF, partial(damage.moved, length_px=9, angle_deg=angle)), 9.0
    for amount in (1.0, 2.0, 4.0):
        yield "sharpening", f"amount {amount}", (_HALF, partial(damage.sharpened, amount=amount)), amount


def _noisy(chance: np.random.Generator) -> Iterator[Told]:
    seed = int(chance.integers(2**31))
    for sigma in (4, 8, 16):
        yield "noise", f"sigma {sigma}", (_HALF, partial(damage.gaussian_noise, sigma=sigma, seed=seed)), sigma
    yield "noise", "shot 12", (_HALF, partial(damage.poisson_noise, sigma_at_white=12, seed=seed)), 12.0
    yield "noise", "grain 8", (_HALF, partial(damage.film_grain, sigma=8, size_px=0.8, seed=seed)), 8.0


def _printed(chance: np.random.Generator) -> Iterator[Told]:
    for shape in ("round", "line", "diamond"):
        period, turn = round(float(chance.uniform(3.0, 9.0)), 2), round(float(chance.uniform(0, 90)), 1)
        screen = partial(damage.halftone, period_px=period, angle_deg=turn, shape=shape)
        yield "halftone", f"synthetic {shape}", (_HALF, screen), period
        if shape == "round":
            yield "halftone", "synthetic, JPEG 70", (_HALF, screen, partial(damage.jpeg, quality=70)), period


def _lit(chance: np.random.Generator) -> Iterator[Told]:
    for share in (0.03, 0.08):
        level, seed = int(chance.choice([0, 128, 255])), int(chance.integers(2**31))
        framed = partial(damage.bordered, share=share, level=level, texture=2.0, seed=seed)
        yield "borders", f"share {share}", (_HALF, framed), share
    for stops in (-3.0, 1.5, 3.0):
        yield "exposure", f"{stops:+g} stops", (_HALF, partial(damage.exposed, stops=stops)), stops
    yield "greyscale", "grey", (_HALF, partial(damage.grey)), 0.0
    yield "greyscale", "toned", (_HALF, partial(damage.grey, tint=(1, 0.94, 0.84))), 0.0
