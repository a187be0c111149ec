"""What a cascade of faces is worth, by four tests: `python -m tests.benchmarks demo_cascade DATASET STUDIO OUT FILES`.

DATASET holds `manifest.parquet` and `photos/` of the dataset version the base was taught with, STUDIO photographs of
about 1000 px, the FILES exported cascades, the older one first. Uncurated seeds from 0 on, psi 1:
the face detector finds at least 90 % (its rate on photographs beside it); the first upscaler is better than Lanczos and
than a painter taught by L1 alone, by verdict, on people nobody was taught; the energy of three detail bands of the face
is 0.7 to 1.3 of the studio's, with the textures that are drawn for them (set ones are told beside it); nobody looks
like a training photo. Two of them are compared as bases too.
OUT gets the sheets: portraits beside photographs, and every portrait beside its nearest training photo.
"""

import argparse
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from farm.recipe import Recipe, Step
from tests.benchmarks.ablations import ALPHA, told
from tests.benchmarks.texture import spearman
from tests.benchmarks.trials import (
    Ground,
    at_own_length,
    by_lanczos,
    described,
    enlarged,
    sheet,
    trained,
    upscaler_of,
)
from workers.cascade.cascade import Cascade
from workers.cascade.container import load_cascade
from workers.cascade.pixels import Picture
from workers.cascade.texture import BANDS
from workers.curation.face_frame import crop, face_frame
from workers.evaluation.compare import compare
from workers.evaluation.judging import Terms
from workers.evaluation.memorisation import Gallery, Nearest, prepared
from workers.photos.opening import open_photo
from workers.training.presets import run_config
from workers.training.schedules import Ramp
from workers.training.texture import face_texture

FACES = 0.9
ENERGY = (0.7, 1.3)
STUDIO_PX = 900
"""A studio frame with fewer pixels is passed over: energies are measured in the picture's own pixels."""
JUDGED, SET = 64, 16
SETTINGS = (0.0, 0.5, 1.0)
"""Textures that the energy is told for, beside the portraits' own."""
TAUGHT = 1_000
ONLY_L1 = 1e4
"""Beside it the judge's word is nothing: a painter taught by L1 alone."""


@dataclass(frozen=True)
class Scale:
    """The ground, and how much of it: portraits looked for in the training photos, crops of the L1 painter."""

    ground: Ground
    studio: Path
    taught: int
    l1_nimg: int


def opened(path: Path) -> Cascade:
    """An exported cascade on the CPU."""
    with zipfile.ZipFile(path) as archive:
        return load_cascade(archive.read)


def painted(cascade: Cascade, count: int, size_px: int, *, texture: float | None = None) -> list[Picture]:
    """Seeds 0 … count - 1, psi 1."""
    steps = tuple(Step(stage=stage) for stage in range(1, 1 + cascade.sizes_px.index(size_px)))
    first = Recipe(cascade=cascade.digest, latent_seed=0, noise_seed=0, steps=steps, size_px=size_px, texture=texture)
    return list(cascade.render([replace(first, latent_seed=seed, noise_seed=seed) for seed in range(count)]))


def rate(pictures: Sequence[Picture]) -> float:
    """The share in which a face is found."""
    return float(np.mean([face_frame(picture).face_found for picture in pictures]))


def studio_faces(folder: Path) -> list[Picture]:
    """The face frames of at least STUDIO_PX."""
    found = []
    for path in sorted(folder.rglob("*.jpg")):
        pixels = open_photo(path.read_bytes(), max_bytes=10**9, max_px=2 * 10**8).pixels
        frame = face_frame(pixels)
        if frame.face_found and frame.px >= STUDIO_PX:
            found.append(crop(pixels, frame))
    return found


def energies(pictures: Sequence[Picture]) -> np.ndarray:
    """Median energy of each band over the pictures, levels²: [BANDS]."""
    logs = np.array([face_texture(picture)[:BANDS] for picture in pictures])
    return np.exp(np.median(logs, axis=0))


def l1_painter(scale: Scale, factor: int, size_px: int) -> Path:
    """A painter of the demo's size taught by L1 at full size alone."""
    run = run_config("demo-up-256", dataset="officials@1", seed=0)
    if run.upscaling is None or size_px != 256 or factor != 4:
        raise ValueError("the L1 painter is the demo's, from 64 to 256 px")
    run = at_own_length(replace(run, upscaling=replace(run.upscaling, full_l1=True)), scale.l1_nimg)
    only = Ramp(start=ONLY_L1, end=ONLY_L1)
    return trained(scale.ground, replace(run, schedule=replace(run.schedule, consistency=only)), "only-l1")


def tell_faces(portraits: Sequence[Picture], scale: Scale) -> bool:
    """The detector's rate on portraits and on photographs."""
    size_px = len(portraits[0])
    found, photos = rate(portraits[:JUDGED]), rate(scale.ground.large(size_px))
    print(f"faces found: {found:.1%} of seeds 0 to {JUDGED - 1} at {size_px} px, {photos:.1%} of photographs")
    return found >= FACES


def tell_upscaler(cascade: Cascade, scale: Scale) -> bool:
    """The first upscaler against Lanczos and the L1 painter, on the same small photographs."""
    upscaler = cascade.upscalers[0].network
    factor, size_px = upscaler.config.factor, cascade.sizes_px[1]
    photos, small = scale.ground.photos(size_px), scale.ground.small(size_px, factor)
    ours = described(enlarged(upscaler, small))
    l1 = enlarged(upscaler_of(l1_painter(scale, factor, size_px)), small)
    good = True
    for name, other in (("Lanczos", by_lanczos(small, factor)), ("L1 alone", l1)):
        terms = Terms(alpha=ALPHA, described=False, names=(name, "the cascade"))
        verdict = compare(described(other), ours, photos, kind="upscaler", paired=True, terms=terms)
        print(told(verdict, f"its ×{factor} to {size_px} px, A = {name}", "photos"))
        good &= verdict.outcome == "better"
    return good


def tell_energy(cascade: Cascade, scale: Scale) -> bool:
    """Detail bands of the largest portraits beside the studio's, with their own textures; then with set ones."""
    studio = energies(studio_faces(scale.studio))
    shares = {
        setting: energies(painted(cascade, JUDGED, cascade.sizes_px[-1], texture=setting)) / studio
        for setting in ((None, *SETTINGS) if is_told(cascade) else (None,))
    }
    for setting, bands in shares.items():
        name = "of their own" if setting is None else f"set to {setting:g}"
        print(f"energy of the face by the studio's, texture {name}, finest band first: "
              + ", ".join(f"{each:.2f}" for each in bands))  # fmt: skip
    return bool(np.all((shares[None] >= ENERGY[0]) & (shares[None] <= ENERGY[1])))


def is_told(cascade: Cascade) -> bool:
    """Whether a texture can be set."""
    return any(stage.config.texture is not None for stage in cascade.upscalers)


def tell_texture(cascade: Cascade) -> None:
    """Whether the largest portraits have the texture they are set to, over people and within each."""
    settings = (-2.0, -1.0, 0.0, 1.0, 2.0)
    size_px = cascade.sizes_px[-1]
    found = np.array(
        [
            [float(np.mean(face_texture(each)[:BANDS])) for each in painted(cascade, SET, size_px, texture=setting)]
            for setting in settings
        ]
    )
    pooled = spearman(np.repeat(settings, SET), found.ravel())
    within = min(spearman(np.array(settings), one) for one in found.T)
    print(
        f"texture set from -2 to 2 at {size_px} px, {SET} seeds: Spearman with the face's log energy {pooled:.3f}, "
        f"within a seed at least {within:.3f}; the mean goes from {found[0].mean():.2f} to {found[-1].mean():.2f}"
    )


def tell_memory(portraits: Sequence[Picture], scale: Scale, name: str) -> bool:
    """Portraits nearer to a training photo than strangers come to each other; a sheet of the nearest."""
    frames = scale.ground.frames("train", len(portraits[0]))
    photos = [np.asarray(frames.frame(index)) for index in range(len(frames))]
    people = scale.ground.people()
    gallery = Gallery.of(
        np.stack([prepared(photo) for photo in photos]),
        names=[photo.sha256 for photo in frames.photos],
        people=[people[photo.sha256] for photo in frames.photos],
    )
    bound = gallery.bound()
    nearest = gallery.nearest(np.stack([prepared(portrait) for portrait in portraits]))
    near = [(seed, found) for seed, found in enumerate(nearest) if found.distance < bound.distance]
    print(
        f"nearer to a training photo than {bound.distance:.1f} levels: {len(near)} of seeds 0 to {len(portraits) - 1}"
        + "".join(f"; seed {seed} at {found.distance:.1f}" for seed, found in near[:8])
    )
    _beside(portraits[:24], nearest, photos, scale.ground.out / f"nearest-{name}.png")
    closest = sorted(range(len(nearest)), key=lambda seed: nearest[seed].distance)[:24]
    _beside([portraits[seed] for seed in closest], [nearest[seed] for seed in closest], photos,
            scale.ground.out / f"closest-{name}.png")  # fmt: skip
    return not near


def _beside(portraits: Sequence[Picture], nearest: Sequence[Nearest], photos: Sequence[Picture], path: Path) -> None:
    """Rows of twelve: portraits, and under each the photo nearest to it."""
    rows = []
    for first in range(0, len(portraits), 12):
        part = range(first, min(first + 12, len(portraits)))
        rows += [[portraits[at] for at in part], [photos[nearest[at].index] for at in part]]
    sheet(rows, path, zoom=1)


def tell_bases(older: Cascade, newer: Cascade, scale: Scale) -> None:
    """The newer cascade's base against the older one's, by verdict."""
    size_px = older.base.network.config.size_px
    sides = [described(painted(each, scale.taught, size_px)) for each in (older, newer)]
    terms = Terms(alpha=ALPHA, described=False, names=("before", "after"))
    verdict = compare(*sides, scale.ground.photos(size_px), kind="base", terms=terms)
    print(told(verdict, f"base of {size_px} px, A = before", "seeds"))
    print(verdict.sentence())


def looked_at(portraits: Sequence[Picture], scale: Scale, name: str) -> None:
    """Seeds in a row over photographs in a row, for a stranger's eye."""
    photos = scale.ground.large(len(portraits[0]))
    sheet(
        [portraits[:12], portraits[12:24], photos[:12], photos[12:24]], scale.ground.out / f"beside-{name}.png", zoom=1
    )


def main(arguments: Sequence[str]) -> int:
    """The four tests of each cascade; 1 where the last one fails one."""
    parser = argparse.ArgumentParser(prog="demo_cascade", description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("studio", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("cascades", type=Path, nargs="+")
    parser.add_argument("--taught", type=int, default=TAUGHT)
    parser.add_argument("--l1-nimg", type=int, default=2_000)
    asked = parser.parse_args(arguments)
    torch.set_num_threads(1)
    scale = Scale(Ground(asked.dataset, asked.out), asked.studio, asked.taught, asked.l1_nimg)
    cascades = [opened(path) for path in asked.cascades]
    met: list[bool] = []
    for path, cascade in zip(asked.cascades, cascades, strict=True):
        print(f"\n{path.name}, digest {cascade.digest[:12]}…", flush=True)
        portraits = painted(cascade, max(JUDGED, asked.taught), cascade.sizes_px[:2][-1])
        looked_at(portraits, scale, path.stem)
        met = [tell_faces(portraits, scale), tell_memory(portraits, scale, path.stem)]
        met += [tell_upscaler(cascade, scale), tell_energy(cascade, scale)]
        if is_told(cascade):
            tell_texture(cascade)
    if len(cascades) > 1:
        tell_bases(cascades[0], cascades[-1], scale)
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
