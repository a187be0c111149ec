"""Whether a training ever waits for its photographs.

`python -m tests.benchmarks.input_pipeline [--presets demo-base-64 demo-up-256] [--steps 2] [--photos FOLDER]` tells, on
the shipped photographs or a folder of JPEGs: photos decoded a second, whole and by the DCT's low frequencies, and how
far the two lie apart; images a second of the input alone (frame, crop, mirror, the numbers of the augmentation) beside
those of the training step; and the share of a step that waits for photos where only half of the frames fit the disk.
Exits 1 where the input alone is not ten times as fast as the step.
"""

import argparse
import hashlib
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import torch
from PIL import Image

from workers.training.base_lesson import BaseLesson
from workers.training.data import Photo, PhotoFolder, area_reduced, read_frame, teaching_photos
from workers.training.frame_disk import FrameDisk
from workers.training.loop import Classroom, start, train_step
from workers.training.opening import OpenLesson, open_lesson
from workers.training.presets import run_config
from workers.training.ranks import Ranks
from workers.training.slice_spec import SliceSpec
from workers.training.upscaler_batch import collate
from workers.training.upscaler_lesson import UpscalerLesson
from workers.training.upscaler_samples import window_px

GOAL = 10.0
SHIPPED = Path(__file__).parents[2] / "deploy/demo/photos"
CPU = torch.device("cpu")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print every figure; the exit status."""
    parser = argparse.ArgumentParser(description="input against training step")
    parser.add_argument("--presets", nargs="+", default=["demo-base-64", "demo-up-256"])
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--photos", type=Path, default=SHIPPED)
    wanted = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        data_dir = _dataset(Path(folder), sorted(wanted.photos.glob("*.jpg")))
        _decoding(data_dir)
        ratios = [_against_the_step(name, data_dir, wanted.steps) for name in wanted.presets]
    return 0 if min(ratios) >= GOAL else 1


def _dataset(folder: Path, files: Sequence[Path]) -> Path:
    """A dataset's folder in which the largest square of each photo is its face frame."""
    (folder / "photos").mkdir()
    rows = []
    for file in files:
        body = file.read_bytes()
        sha256 = hashlib.sha256(body).hexdigest()
        (folder / "photos" / f"{sha256}.jpg").write_bytes(body)
        with Image.open(file) as picture:
            side = min(picture.size)
        row = {"sha256": sha256, "ext": "jpg", "verdict": "keep", "split": "train"}
        rows.append(row | {"frame_x": 0, "frame_y": 0, "frame_px": side, "native_px": side})
    parquet.write_table(pa.Table.from_pylist(rows), folder / "manifest.parquet")
    return folder


def _decoding(data_dir: Path) -> None:
    """Frames of 64 px, from the whole photo and from a part of its size."""
    source = PhotoFolder(data_dir / "photos")
    photos = teaching_photos(data_dir, split="train", min_native_px=64, size_px=64)
    whole_s, by_part_s, apart = 0.0, 0.0, []
    for photo in photos:
        began_s = time.perf_counter()
        exact = area_reduced(read_frame(source, photo), 64)
        between_s = time.perf_counter()
        quick = read_frame(source, photo, 64)
        by_part_s += time.perf_counter() - between_s
        whole_s += between_s - began_s
        apart.append(np.abs(exact.astype(int) - quick.astype(int)).mean())
    sides = sorted(photo.frame_px for photo in photos)
    print(f"{len(photos)} photos, frames of {sides[0]} … {sides[-1]} px, to 64 px, one thread:")
    print(f"  decoded whole {len(photos) / whole_s:.1f}/s, by a part {len(photos) / by_part_s:.1f}/s")
    print(f"  apart on average {np.mean(apart):.2f}, at most {np.max(apart):.2f} of 255 levels a photo")


def _against_the_step(preset: str, data_dir: Path, steps: int) -> float:
    """Images a second of input and step; how many times as fast the input is."""
    whole = _spec(preset, data_dir, cache_bytes=None)
    opened = _opened(whole)
    room, batch = _room(opened, whole), whole.run.batch
    _input(opened, range(batch))
    began_s = time.perf_counter()
    for step in range(steps):
        _input(opened, range(step * batch, (step + 1) * batch))
    input_s = time.perf_counter() - began_s
    train_step(room, warn=print)
    began_s = time.perf_counter()
    for _ in range(steps):
        train_step(room, warn=print)
    step_s = time.perf_counter() - began_s
    images = steps * batch
    print(f"{preset}: input alone {images / input_s:.0f} images/s, step {images / step_s:.2f} images/s (batch {batch})")
    print(f"  the input is {step_s / input_s:.0f} times as fast; goal {GOAL:g}")
    _streamed(preset, data_dir, steps)
    return step_s / input_s


def _streamed(preset: str, data_dir: Path, steps: int) -> None:
    """The share of a step that waits where half of the frames have room, or two batches where that is more."""
    run = run_config(preset, dataset="bench@1", seed=0)
    kept_px = [min(photo.frame_px, 2 * run.network.size_px) for photo in _photos(data_dir)]
    if hasattr(run.network, "latent_dim"):
        kept_px = [run.network.size_px] * len(kept_px)
    room_bytes = max(sum(3 * side**2 for side in kept_px) // 2, 2 * run.batch * 3 * max(kept_px) ** 2)
    if room_bytes >= sum(3 * side**2 for side in kept_px):
        print(
            f"  streamed: two batches of {run.batch} hold all of {len(kept_px)} photos: give --photos a larger folder"
        )
        return
    spec = _spec(preset, data_dir, cache_bytes=room_bytes)
    opened = _opened(spec)
    room, waited_s, began_s = _room(opened, spec), 0.0, 0.0
    for step in range(steps + 1):
        if step == 1:  # the first batch has nothing ahead of it
            waited_s, began_s = 0.0, time.perf_counter()
        asked_s = time.perf_counter()
        opened.ready(room.state.nimg, lambda: False)
        waited_s += time.perf_counter() - asked_s
        train_step(room, warn=print)
    share = waited_s / (time.perf_counter() - began_s)
    print(
        f"  streamed, room for {room_bytes / sum(3 * side**2 for side in kept_px):.0%}: waits {share:.1%} of the time"
    )


def _opened(spec: SliceSpec) -> OpenLesson:
    source = PhotoFolder(spec.data_dir / "photos")
    disk = FrameDisk(source=source, folder=spec.cache_dir, room_bytes=spec.cache_bytes)
    return open_lesson(spec, disk, device=CPU)


def _room(opened: OpenLesson, spec: SliceSpec) -> Classroom:
    state = start(opened.lesson, spec.run, device=CPU)
    return Classroom(state=state, lesson=opened.lesson, config=spec.run, ranks=Ranks(device=CPU))


def _photos(data_dir: Path) -> tuple[Photo, ...]:
    return teaching_photos(data_dir, split="train", min_native_px=1, size_px=64)


def _spec(preset: str, data_dir: Path, *, cache_bytes: int | None) -> SliceSpec:
    return SliceSpec(
        run=run_config(preset, dataset="bench@1", seed=0),
        data_dir=data_dir,
        resume_dir=None,
        out_dir=data_dir / "out",
        cache_dir=data_dir / f"cache-{cache_bytes}",
        stop_nimg=1,
        device="cpu",
        threads=torch.get_num_threads(),
        lock_path=data_dir / "lock",
        launcher_pid=1,
        cache_bytes=cache_bytes,
    )


def _input(opened: OpenLesson, indices: range) -> None:
    """All of a step's input: pictures twice for a base, whose halves each take them, and both augmentation draws."""
    lesson = opened.lesson
    if not isinstance(lesson, BaseLesson | UpscalerLesson):
        raise TypeError(type(lesson))
    dials = lesson.config.schedule.now(lesson.config.total_nimg)
    if isinstance(lesson, BaseLesson):
        lesson._photos(indices)
        lesson._photos(indices)
    else:
        samples = lesson.samples.take(indices)
        collate(samples, network=lesson.network, window=window_px(lesson.how), device=CPU)
    for purpose in ("augment-judge", "augment-painter"):
        lesson._spoiling(purpose, indices=indices, dials=dials)


if __name__ == "__main__":
    sys.exit(main())
