"""Whether an upscaler paints the texture it is told, and how patchy its skin is, with and without guide and telling.

A small ×4 upscaler to 256 px learns from photos alone, once whole, once without its guide and once told nothing either;
then people it has not seen are enlarged. The goal: Spearman between the texture set and the log energy measured of at
least 0.8, pooled over people. Three quarters of an hour on one thread as it is; `--photos FOLDER` takes other
photographs, `--images N` another length, `--only` some of the painters.
"""

import argparse
import hashlib
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import torch
from numpy.typing import NDArray

from farm.errors import FarmError
from workers.cascade.config import UpscalerConfig
from workers.cascade.pixels import Picture
from workers.cascade.stage import Enlargement, UpscalerStage
from workers.cascade.texture import BANDS, TEXTURE_DIM
from workers.cascade.upscaler import Upscaler
from workers.curation.face_frame import face_frame
from workers.photos.opening import open_photo
from workers.training.checkpoint import find_checkpoints
from workers.training.config import RunConfig, UpscalingConfig
from workers.training.data import PhotoFolder, area_reduced, teaching_photos
from workers.training.export import export_stage
from workers.training.frame_disk import FrameDisk
from workers.training.preset import TEXTURE_GAIN, TEXTURE_WEIGHT
from workers.training.presets import run_config
from workers.training.slice_run import Reporting, run_slice
from workers.training.slice_spec import SliceSpec
from workers.training.texture import face_texture, patchiness
from workers.training.upscaler_view import plain

PHOTOS = Path(__file__).parents[2] / "deploy" / "demo" / "photos"
NETWORK = UpscalerConfig(
    factor=4, input_px=64, channels=16, blocks=2, full_channels=8, guide_input_px=64, guide_width=16,
    guide_channels=8, texture_dim=TEXTURE_DIM,
)  # fmt: skip
SETTINGS = tuple(np.linspace(-2, 2, 9).tolist())
GOAL = 0.8
PAINTERS = ("whole", "unguided", "plain")
"""unguided: told a texture all the same. plain: neither guide nor texture."""


@dataclass(frozen=True)
class Taught:
    """An upscaler at work, and the pictures of people it has not seen, [256, 256, 3]."""

    stage: UpscalerStage
    unseen: list[Picture]

    def painted(self, photo: Picture, noise_seed: int, texture: float | None) -> Picture:
        """The photo's small picture, enlarged."""
        small = area_reduced(photo, NETWORK.input_px)
        return next(self.stage.enlarge([small], [Enlargement(noise_seed=noise_seed, step=0, texture=texture)]))


def main(arguments: Sequence[str]) -> int:
    """Print all figures; 1 when the goal was missed."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--photos", type=Path, default=PHOTOS)
    asked.add_argument("--images", type=int, default=24_000)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--gain", type=float, default=TEXTURE_GAIN, help="the run's texture_gain")
    asked.add_argument(
        "--weight", type=float, default=TEXTURE_WEIGHT, help="texture_weight (workers/training/config.py)"
    )
    asked.add_argument("--only", nargs="+", default=PAINTERS, choices=PAINTERS, help="which of the painters")
    given = asked.parse_args(arguments)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="texture-") as root:
        data = Path(root)
        count = store(given.photos, data)
        print(
            f"{count} photos, {given.images:,} images, seed {given.seed}, gain {given.gain:g}, weight {given.weight:g}",
            flush=True,
        )
        good, painters = True, {}
        for name in given.only:
            painters[name] = taught(run_of(given, guided=name == "whole", told=name != "plain"), data)
            if name == "whole":
                good = tell_control(painters[name])
    tell_patches(painters)
    return 0 if good else 1


def run_of(given: argparse.Namespace, *, guided: bool, told: bool) -> RunConfig:
    """The demo's upscaler, thinner, on photos alone. told: a texture, and all that makes it listen."""
    run = run_config("demo-up-256", dataset="texture@1", seed=given.seed, total_nimg=given.images)
    gain, weight = (given.gain, given.weight) if told else (1.0, 0.0)
    call = replace(run.call, micro_batch=1, dtype="fp32")
    upscaling = UpscalingConfig(
        crop_px=16, scale_low=0.5, guided=guided, texture_gain=gain, texture_weight=weight
    )  # fmt: skip
    network = NETWORK if told else replace(NETWORK, texture_dim=0)
    return replace(
        run, network=network, judge_widths=(32, 48, 64), batch=8, precision="fp32", call=call, upscaling=upscaling
    )


def store(folder: Path, data: Path) -> int:
    """A dataset of every photo in which a face is found; of every five one is kept from the lesson."""
    (data / "photos").mkdir()
    rows: list[dict[str, object]] = []
    for path in sorted(folder.glob("*.jpg")):
        body = path.read_bytes()
        try:
            frame = face_frame(open_photo(body, max_bytes=10**9, max_px=2 * 10**8).pixels)
        except FarmError:
            continue
        if not frame.face_found or frame.px < NETWORK.size_px:
            continue
        sha256 = hashlib.sha256(body).hexdigest()
        (data / "photos" / f"{sha256}.jpg").write_bytes(body)
        at = {"frame_x": frame.x, "frame_y": frame.y, "frame_px": frame.px, "native_px": frame.px}
        split = "control" if len(rows) % 5 == 4 else "train"
        rows.append({"sha256": sha256, "ext": "jpg", "verdict": "keep", "split": split, **at})
    parquet.write_table(pa.Table.from_pylist(rows), data / "manifest.parquet")
    return len(rows)


def taught(run: RunConfig, data: Path) -> Taught:
    """Train in one slice, and put what a cascade would take from its checkpoint to work."""
    out = data / f"run-{run.digest[:8]}"
    spec = SliceSpec(
        run=run, data_dir=data, resume_dir=None, out_dir=out, cache_dir=data / "cache",
        stop_nimg=run.total_nimg, device="cpu", threads=1, lock_path=data / "lock", launcher_pid=1,
    )  # fmt: skip
    run_slice(spec, Reporting(emit=_tell, should_stop=lambda: False, at=lambda _: None))
    config, tensors = export_stage(find_checkpoints(out)[0])
    if not isinstance(run.network, UpscalerConfig):
        raise TypeError("this is no upscaler")
    network = Upscaler(run.network)
    network.load_state_dict(tensors)
    photos = teaching_photos(data, split="control", min_native_px=NETWORK.size_px, size_px=NETWORK.size_px)
    frames = FrameDisk(source=PhotoFolder(data / "photos"), folder=data / "cache").open(photos, size_px=NETWORK.size_px)
    unseen = [np.array(frames.frame(index)) for index in range(len(frames))]
    return Taught(UpscalerStage(network, config, device=torch.device("cpu")), unseen)


def _tell(event: Mapping[str, object]) -> None:
    nimg = event.get("nimg")
    if event.get("event") == "log" and isinstance(nimg, int) and nimg % 2_048 < 512:
        print({name: value for name, value in event.items() if name != "event"}, flush=True)


def tell_control(one: Taught) -> bool:
    """Spearman of what is set, and of each number as drawn, with what is measured; True where the goal is met."""
    measured = np.array(
        [[energy(one.painted(photo, place, each)) for each in SETTINGS] for place, photo in enumerate(one.unseen)]
    )
    wanted = np.tile(SETTINGS, (len(one.unseen), 1))
    pooled = spearman(wanted.ravel(), measured.ravel())
    each = [spearman(np.array(SETTINGS), row) for row in measured]
    spread = one.stage.config.texture
    if spread is None:
        raise TypeError("this stage is told no texture")
    asked = np.array([energy(photo) for photo in one.unseen])
    print(f"{len(one.unseen)} people not seen, their photos' mean log energy {asked.mean():.2f} ± {asked.std():.2f}")
    print(f"texture set to {SETTINGS[0]:g} … {SETTINGS[-1]:g}")
    print(f"set and measured, all people together: Spearman {pooled:.3f} (goal {GOAL})")
    print(f"set and measured, within one person: mean {np.mean(each):.3f}, least {min(each):.3f}")
    means = ", ".join(f"{mean:.2f}" for mean in measured.mean(axis=0))
    print(
        f"mean log energy as set from low to high: {means}; the photos': {np.mean(list(map(energy, one.unseen))):.2f}"
    )
    seeds = range(8)
    told = np.array([spread.drawn(seed) for _ in one.unseen for seed in seeds])
    got = np.array([face_texture(one.painted(photo, seed, None)) for photo in one.unseen for seed in seeds])
    for index, name in enumerate(("finest band", "middle band", "coarse band", "kurtosis")):
        print(f"drawn and measured, {name}: Spearman {spearman(told[:, index], got[:, index]):.3f}")
    return pooled >= GOAL


def tell_patches(painters: Mapping[str, Taught]) -> None:
    """How unevenly texture lies on faces, alone and beside the photo's own; medians over people."""
    photos = next(iter(painters.values())).unseen
    rows = {
        "photos": photos,
        "cubic": [plain(area_reduced(photo, NETWORK.input_px), NETWORK.factor) for photo in photos],
    }
    for name, painter in painters.items():
        texture = None if name == "plain" else 0.0
        rows[name] = [painter.painted(photo, place, texture) for place, photo in enumerate(photos)]
    print("patchiness: variance of log energy over windows of 16 px; beside: of its difference from the photo's")
    for name, pictures in rows.items():
        alone = np.median([patchiness(each) for each in pictures])
        beside = [patchiness(each, photo) for each, photo in zip(pictures, photos, strict=True)]
        print(f"{name}: alone {alone:.3f}, beside {np.median(beside):.3f}", flush=True)
    for name in painters.keys() - {"whole"} if "whole" in painters else ():
        pairs = zip(rows["whole"], rows[name], photos, strict=True)
        wins = [patchiness(one, photo) < patchiness(other, photo) for one, other, photo in pairs]
        print(f"whole less patchy than {name} on {sum(wins)} of {len(wins)} people")


def energy(picture: Picture) -> float:
    """Mean log energy of the three bands."""
    return float(np.mean(face_texture(picture)[:BANDS]))


def spearman(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Correlation of ranks, ties sharing theirs."""
    return float(np.corrcoef(_ranks(one), _ranks(other))[0, 1])


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks: NDArray[np.float64] = (ends - (counts - 1) / 2)[inverse]
    return ranks


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
