"""Where the proof of the verdict draws from: portraits of the demo cascade, photos, their damaged twins.

A law is a finite set of described pictures from which is drawn with replacement, so that the truth about two laws is
known exactly. Arrays lie in files under a folder, described once:
`python -m tests.benchmarks.verdict_laws FOLDER PHOTOS` with a folder of photos and its people.csv. Half an
hour on one core.
"""

import csv
import dataclasses
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from tests.workers.cascade.shipped import shipped_cascade
from workers.cascade.allocator import keep_pages
from workers.cascade.noise import latents
from workers.cascade.stage import BaseStage
from workers.curation.face_frame import crop, face_frame
from workers.evaluation.described import ARRAYS, Described
from workers.evaluation.features import Describer, extractor_digest
from workers.photos.opening import open_photo

Picture = NDArray[np.uint8]
Damage = Callable[[Picture], Picture]
SIZE_PX = 64
CLEAN, DAMAGED = 8000, 3000
AT_ONCE = 200


def shifted(red: float, green: float, blue: float) -> Damage:
    """Every pixel moved by so many 8-bit levels."""
    return lambda picture: np.clip(picture + np.array([red, green, blue]), 0, 255).astype(np.uint8)


def checkerboard(share: float) -> Damage:
    """Every second pixel brighter, the others darker: from top to bottom `share` of full scale."""

    def damage(picture: Picture) -> Picture:
        rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]]
        board = np.where((rows + columns) % 2, 1, -1)[:, :, None] * 255 * share / 2
        return np.clip(np.rint(picture + board), 0, 255).astype(np.uint8)

    return damage


def jpeg(quality: int) -> Damage:
    def damage(picture: Picture) -> Picture:
        body = cv2.imencode(".jpg", picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        return np.asarray(cv2.imdecode(body, cv2.IMREAD_COLOR)[:, :, ::-1], dtype=np.uint8)

    return damage


def palette(colours: int) -> Damage:
    """A palette of its own for each picture, without dither."""

    def damage(picture: Picture) -> Picture:
        few = Image.fromarray(picture).quantize(colours, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        return np.asarray(few.convert("RGB"))

    return damage


DAMAGES: Mapping[str, Damage] = {
    "clean": lambda picture: picture,
    "blur0.6": lambda picture: np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.6), dtype=np.uint8),
    "jpeg75": jpeg(75),
    "checker2": checkerboard(0.02),
    "bright": shifted(4, 4, 4),
    "dark": shifted(-4, -4, -4),
    "colour": shifted(3, 0, -3),
    "palette": palette(24),
}


def painted(count: int) -> Iterator[Picture]:
    """Portraits of seeds 0 … count - 1 of the demo cascade's base, 64 px, in float32: no class of rendering needed."""
    keep_pages()
    torch.set_num_threads(1)
    stage = shipped_cascade().base
    call = dataclasses.replace(stage.config.call, dtype="fp32", micro_batch=16)
    base = BaseStage(stage.network, dataclasses.replace(stage.config, call=call), device=torch.device("cpu"))
    dim = base.network.config.latent_dim
    for start in range(0, count, AT_ONCE):
        yield from base.render(latents(range(start, min(count, start + AT_ONCE)), dim))


def framed(folder: Path) -> tuple[list[Picture], list[str]]:
    """Face frames of all photos, area-reduced to 64 px, and who they show."""
    with (folder / "people.csv").open(encoding="utf-8") as rows:
        people = {row["file"]: row["person"] for row in csv.DictReader(rows)}
    pictures, who = [], []
    for path in sorted(folder.rglob("*.jpg")):
        photo = open_photo(path.read_bytes(), max_bytes=2**26, max_px=10**8)
        square = np.ascontiguousarray(crop(photo.pixels, face_frame(photo.pixels)))
        small = cv2.resize(square, (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_AREA)
        pictures.append(np.asarray(small, dtype=np.uint8))
        name = path.relative_to(folder).as_posix()
        who.append(people.get(name, name))
    return pictures, who


def describe(pictures: NDArray[np.uint8], damage: str, into: Path) -> None:
    """Write the arrays of damaged pictures, unless they are there."""
    if (into / "colour.npy").exists():
        return
    into.mkdir(parents=True, exist_ok=True)
    describer, parts = Describer(SIZE_PX), []
    for start in range(0, len(pictures), AT_ONCE):
        damaged = [DAMAGES[damage](picture) for picture in pictures[start : start + AT_ONCE]]
        parts.append(describer.arrays(np.stack(damaged)))
    for name in ARRAYS:
        np.save(into / f"{name}.npy", np.concatenate([part[name] for part in parts]))


def law(folder: Path, name: str) -> Described:
    """A described law; its photos are clustered by person."""
    arrays = {each: np.load(folder / name / f"{each}.npy", allow_pickle=False) for each in ARRAYS}
    arrays["swd"] = arrays["swd"][:, :1].astype(np.float32)  # the finest decides; float32 is checked faster
    count = len(arrays["bank"])
    people = folder / name / "people.npy"
    clusters = np.load(people, allow_pickle=False) if people.exists() else np.arange(count)
    names = tuple(map(str, range(count)))
    return Described(**arrays, names=names, clusters=clusters, size_px=SIZE_PX, extractor=extractor_digest())


def main(folder: Path, photos: Path) -> int:
    pictures, who = framed(photos)
    portraits = np.stack(list(painted(CLEAN)))
    for damage in DAMAGES:
        describe(np.stack(pictures), damage, folder / f"photos-{damage}")
        np.save(folder / f"photos-{damage}" / "people.npy", np.unique(who, return_inverse=True)[1])
        describe(portraits[: CLEAN if damage == "clean" else DAMAGED], damage, folder / f"portraits-{damage}")
        print(damage, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
