"""What short trainings for a comparison stand on: a folder of photographs as a dataset, runs that go on where they were
stopped, pictures painted from photographs nobody was taught, described for a verdict."""

import csv
import hashlib
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import torch
from PIL import Image
from torch import Tensor

from farm.errors import FarmError
from workers.cascade.base import Generator
from workers.cascade.container import build
from workers.cascade.guide import Places, guide_input, sample_guide
from workers.cascade.noise import NoiseField, latents
from workers.cascade.pixels import Picture, picture_of, tensor_of, to_float, to_uint8
from workers.cascade.upscaler import Upscaler
from workers.curation.face_frame import face_frame
from workers.evaluation.described import Described
from workers.evaluation.features import Describer
from workers.photos.opening import open_photo
from workers.training.checkpoint import find_checkpoints, read_record
from workers.training.config import RunConfig
from workers.training.data import Frames, PhotoFolder, area_reduced, teaching_photos
from workers.training.export import export_stage
from workers.training.frame_disk import FrameDisk
from workers.training.slice_run import Reporting, run_slice
from workers.training.slice_spec import SliceSpec

Looked = Literal["own", "zeroed", "shuffled"]
"""What a painter is given as its guide: its picture's, nothing, or another picture's."""

PICTURES = (".jpg", ".jpeg", ".png", ".webp")
PEOPLE = "people.csv"
_SPLITS = ("train", "train", "train", "control", "test")
_AT_ONCE = 16


@dataclass(frozen=True)
class Ground:
    """A dataset's folder and where its runs go. Its `control` people give the small pictures that are enlarged, its
    `test` people the photographs that these are compared with: nobody is in two splits."""

    data_dir: Path
    out: Path

    def frames(self, split: str, size_px: int) -> Frames:
        photos = teaching_photos(self.data_dir, split=split, min_native_px=size_px, size_px=size_px)
        disk = FrameDisk(source=PhotoFolder(self.data_dir / "photos"), folder=self.out / "cache")
        return disk.open(photos, size_px=size_px)

    def photos(self, size_px: int) -> Described:
        """Photographs of the test people, described."""
        frames = self.frames("test", size_px)
        people = self.people()
        whose = [people[photo.sha256] for photo in frames.photos]
        numbers = {person: number for number, person in enumerate(sorted(set(whose)))}
        names = [photo.sha256 for photo in frames.photos]
        return Describer(size_px).describe(_stacked(frames), names=names, clusters=[numbers[each] for each in whose])

    def people(self) -> dict[str, str]:
        """Who is in a photograph, by its sha256."""
        return {row["sha256"]: row["person"] for row in _rows(self.data_dir)}

    def large(self, size_px: int) -> list[Picture]:
        """The control people's photographs at `size_px`."""
        return list(_stacked(self.frames("control", size_px)))

    def small(self, size_px: int, factor: int) -> list[Picture]:
        """The same, made smaller by the factor."""
        return [area_reduced(picture, size_px // factor) for picture in self.large(size_px)]


def prepare(folder: Path, out: Path) -> Ground:
    """The photographs below `folder` as a dataset under `out`, made once: face frames, three splits by person.

    `people.csv` (file, person) tells who is in a photo; a photo it does not name is a person of its own.
    """
    data_dir = out / "dataset"
    if not (data_dir / "manifest.parquet").is_file():
        (data_dir / "photos").mkdir(parents=True, exist_ok=True)
        people = _people(folder)
        found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURES)
        rows = [row for path in found for row in _row(path, folder, people, data_dir)]
        once = {row["sha256"]: row for row in rows}
        parquet.write_table(pa.Table.from_pylist(list(once.values())), data_dir / "manifest.parquet")
    return Ground(data_dir, out)


def _people(folder: Path) -> dict[str, str]:
    path = folder / PEOPLE
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return {row["file"]: row["person"] for row in csv.DictReader(file)}


def _row(path: Path, folder: Path, people: dict[str, str], data_dir: Path) -> Iterator[dict[str, object]]:
    body = path.read_bytes()
    try:
        pixels = open_photo(body, max_bytes=1 << 28, max_px=10**8).pixels
    except FarmError as error:
        print(f"left out: {path.name}: {error.message}", flush=True)
        return
    sha256 = hashlib.sha256(body).hexdigest()
    ext = path.suffix.lower().lstrip(".")
    shutil.copyfile(path, data_dir / "photos" / f"{sha256}.{ext}")
    frame = face_frame(pixels)
    person = people.get(str(path.relative_to(folder)), sha256)
    split = _SPLITS[int(hashlib.sha256(person.encode()).hexdigest(), 16) % len(_SPLITS)]
    told = {"sha256": sha256, "ext": ext, "verdict": "keep", "split": split, "person": person}
    yield told | {"frame_x": frame.x, "frame_y": frame.y, "frame_px": frame.px, "native_px": frame.px}


def _rows(data_dir: Path) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = parquet.read_table(data_dir / "manifest.parquet").to_pylist()
    return rows


def trained(
    ground: Ground, run: RunConfig, name: str, *, before: Sequence[Path] = (), device: str = "cpu", threads: int = 1
) -> Path:
    """The last checkpoint of the run of this name, trained now as far as it is not. `before`: earlier stages'."""
    folder = ground.out / "runs" / name
    while (reached := _reached(folder)) < run.total_nimg:
        stop = min(run.total_nimg, reached + run.slice_nimg)
        spec = SliceSpec(
            run=run,
            data_dir=ground.data_dir,
            resume_dir=None,
            out_dir=folder,
            cache_dir=ground.out / "cache",
            stop_nimg=stop,
            device=device,
            threads=threads,
            lock_path=ground.out / "device.lock",
            launcher_pid=1,
            stages_before=tuple(before),
        )
        run_slice(spec, Reporting(emit=lambda _: None, should_stop=lambda: False, at=lambda _: None))
        print(f"{name}: {_reached(folder):,} of {run.total_nimg:,} images", flush=True)
    return find_checkpoints(folder)[0]


def _reached(folder: Path) -> int:
    return max([0, *(int(read_record(path)["nimg"]) for path in find_checkpoints(folder))])


def upscaler_of(checkpoint: Path) -> Upscaler:
    """Its averages, ready to paint."""
    stage, tensors = export_stage(checkpoint)
    network = build(stage.network)
    network.load_state_dict(tensors)
    assert isinstance(network, Upscaler)
    return network.eval()


def portraits(checkpoint: Path, count: int, *, psi: float = 0.7) -> list[Picture]:
    """A base's portraits of seeds 0 … count - 1."""
    stage, tensors = export_stage(checkpoint)
    network = build(stage.network)
    network.load_state_dict(tensors)
    assert isinstance(network, Generator)
    with torch.inference_mode():
        z = psi * latents(range(count), network.config.latent_dim)
        painted = [to_uint8(network.eval()(part)) for part in torch.split(z, _AT_ONCE)]
    return [picture_of(each) for part in painted for each in part]


def enlarged(upscaler: Upscaler, small: Sequence[Picture], looked: Looked = "own") -> list[Picture]:
    """Square pictures of one size, each in one piece; picture i has noise seed i."""
    found: list[Picture] = []
    given = _guides(upscaler, small, looked)
    for first in range(0, len(small), _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        tile = torch.stack([to_float(tensor_of(picture)) for picture in small[part]])
        count, side = len(tile), tile.shape[2]
        none = (0,) * count
        places = Places(top=none, left=none, picture_height=(side,) * count, picture_width=(side,) * count)
        field = NoiseField(seeds=tuple(range(first, first + count)), steps=none, top=none, left=none)
        with torch.inference_mode():
            under = sample_guide(given[part], places, height=side, width=side)
            large = to_uint8(upscaler.painter(tile, under, _told(upscaler, count), field))
        found += [picture_of(each) for each in large]
    return found


def _guides(upscaler: Upscaler, small: Sequence[Picture], looked: Looked) -> Tensor:
    seen = torch.stack([guide_input(np.ascontiguousarray(each), upscaler.config.guide_input_px) for each in small])
    with torch.inference_mode():
        guides = torch.cat([upscaler.guide(part, _told(upscaler, len(part))) for part in torch.split(seen, _AT_ONCE)])
    if looked == "zeroed":
        return torch.zeros_like(guides)
    return guides.roll(1, dims=0) if looked == "shuffled" else guides


def _told(upscaler: Upscaler, count: int) -> Tensor:
    return torch.zeros(count, 2 + upscaler.config.texture_dim)


def by_lanczos(small: Sequence[Picture], factor: int) -> list[Picture]:
    """The same enlarged without a network, by Lanczos-3."""
    side = factor * len(small[0])
    resized = [Image.fromarray(each).resize((side, side), Image.Resampling.LANCZOS) for each in small]
    return [np.asarray(each, dtype=np.uint8) for each in resized]


def described(pictures: Sequence[Picture]) -> Described:
    """Portraits by number, each its own cluster."""
    names = [str(number) for number in range(len(pictures))]
    return Describer(len(pictures[0])).describe(np.stack(pictures), names=names)


def at_own_length(run: RunConfig, nimg: int) -> RunConfig:
    """The run over `nimg` images, in whole batches, its schedule as long, in eight slices."""
    total = -(-nimg // run.batch) * run.batch
    return replace(
        run,
        total_nimg=total,
        slice_nimg=max(run.batch, total // 8),
        schedule=replace(run.schedule, length_nimg=total),
    )


def sheet(rows: Sequence[Sequence[Picture]], path: Path, *, zoom: int = 2) -> None:
    """Pictures side by side, row by row, for the eye; each as it is, `zoom` times as large."""
    path.parent.mkdir(parents=True, exist_ok=True)
    side = max(len(picture) for row in rows for picture in row) * zoom
    fitted = [
        np.concatenate(
            [cv2.resize(each, (side, side), interpolation=cv2.INTER_NEAREST) for each in row], axis=1, dtype=np.uint8
        )
        for row in rows
    ]
    Image.fromarray(np.concatenate(fitted)).save(path)


def _stacked(frames: Frames) -> Picture:
    return np.stack([np.asarray(frames.frame(index)) for index in range(len(frames))])
