"""From a slice's description to a lesson on its data."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from farm.errors import InvalidInput
from workers.cascade.config import BaseConfig, UpscalerConfig
from workers.cascade.halo import stage_config
from workers.cascade.texture import TextureSpread
from workers.training.ahead import Ahead
from workers.training.base_lesson import BaseLesson
from workers.training.compiled import JudgeStep, MakeJudgeStep
from workers.training.config import RunConfig, UpscalingConfig
from workers.training.data import Frames, Photo, Tell, silent, teaching_photos
from workers.training.frame_disk import FrameDisk
from workers.training.frame_stream import FrameStream
from workers.training.loop import Lesson
from workers.training.pool import EMPTY, Pool, open_pool
from workers.training.slice_spec import SliceSpec
from workers.training.texture import fit_texture
from workers.training.upscaler_lesson import UpscalerLesson
from workers.training.upscaler_samples import SampleMaker, least_native_px, scale_steps
from workers.training.upscaler_view import Viewer

_LEAST_PHOTOS = 2
_LOADERS = 8  # threads that make samples for a GPU


@dataclass(frozen=True, kw_only=True)
class OpenLesson:
    """A lesson ready to be taught, what it stands on, and how far it teaches (see StageConfig).

    ready: waits until the photos of the step from an image on are here; False if asked to stop first.
    """

    lesson: Lesson
    dataset_digest: str
    pool_digest: str
    taught_to_px: int
    scale_min: float
    ready: "Ready"
    texture: TextureSpread | None = None

    @property
    def taught(self) -> Mapping[str, Any]:
        """What a checkpoint keeps of it for a cascade."""
        texture = {} if self.texture is None else {"texture": self.texture.to_json()}
        return {"to_px": self.taught_to_px, "scale_min": self.scale_min, **texture}


Ready = Callable[[int, Callable[[], bool]], bool]


def open_lesson(
    spec: SliceSpec,
    frames: FrameDisk,
    *,
    device: torch.device,
    tell: Tell = silent,
    warn: Tell = silent,
    judge_step: MakeJudgeStep = JudgeStep,
) -> OpenLesson:
    """Decode what is not yet in the cache, make the pool if there is one, and build the lesson.

    Raises NotFound, InvalidInput, PhotoRefused or CheckpointInvalid naming what is wrong.
    """
    data = _Data(spec, device, tell, warn, frames, judge_step)
    if isinstance(spec.run.network, BaseConfig):
        return _open_base(data, spec.run.network)
    if spec.run.upscaling is None:
        raise InvalidInput("an upscaler's run needs its upscaling configuration")
    return _open_upscaler(data, spec.run.network, spec.run.upscaling)


@dataclass(frozen=True)
class _Data:
    """The slice's folders, seen as photos, frames and pool."""

    spec: SliceSpec
    device: torch.device
    tell: Tell
    warn: Tell
    frames: FrameDisk
    judge_step: MakeJudgeStep

    def photos(self, split: str, min_native_px: int) -> tuple[Photo, ...]:
        """Photos of a split that may teach the stage."""
        size_px = self.spec.run.network.size_px
        found = teaching_photos(self.spec.data_dir, split=split, min_native_px=min_native_px, size_px=size_px)
        if split == "train" and len(found) < _LEAST_PHOTOS:
            raise InvalidInput(
                f"only one photo can teach {size_px} px, and a network would learn it by heart: add photos of others"
            )
        return found

    def pool(self, how: UpscalingConfig) -> Pool:
        """Outputs of the stages before, if the run has any."""
        if how.pool is None:
            return EMPTY
        spec = self.spec
        return open_pool(
            how.pool, checkpoints=spec.stages_before, cache_dir=spec.cache_dir, device=self.device, tell=self.tell
        )


def _open_base(data: _Data, network: BaseConfig) -> OpenLesson:
    frames = data.frames.open(data.photos("train", network.size_px), size_px=network.size_px)
    return OpenLesson(
        lesson=BaseLesson(
            data.spec.run,
            frames=frames,
            control=_control_frames(data, network),
            device=data.device,
            judge_step=data.judge_step,
        ),
        dataset_digest=frames.digest,
        pool_digest=EMPTY.digest,
        taught_to_px=network.size_px,
        scale_min=0.0,
        ready=_readiness(frames, list(range(len(frames))), data.spec.run),
    )


def _control_frames(data: _Data, network: BaseConfig) -> Frames | None:
    """The control people's frames where the run is steered by them; None, and a word, where the dataset has none."""
    if data.spec.run.control is None:
        return None
    try:
        photos = data.photos("control", network.size_px)
    except InvalidInput:
        data.warn("the dataset has no control people: augmentation stays where it starts")
        return None
    return data.frames.open(photos, size_px=network.size_px, whole=True)


def _open_upscaler(data: _Data, network: UpscalerConfig, how: UpscalingConfig) -> OpenLesson:
    run, least_px = data.spec.run, least_native_px(network, how)
    photos = data.photos("train", least_px)
    # No sample is larger than the stage: what is kept at twice its size halves to the very mean of the photo.
    most_px = 2 * network.size_px
    frames, pool = data.frames.open(photos, size_px=None, most_px=most_px), data.pool(how)
    steps = [scale_steps(network, how, photo.native_px) for photo in photos]
    taught_to_px = network.factor * max(high for _, high in steps)
    scale_min = math.log2(min(low for low, _ in steps) / network.input_px)
    texture = None
    if network.texture_dim:
        texture = fit_texture(frames, sides_px=[network.factor * high for _, high in steps], tell=data.tell)
    stage = stage_config(network, call=run.call, taught_to_px=taught_to_px, scale_min=scale_min, texture=texture)
    shown = _shown_photos(data, least_px) or frames
    viewer = Viewer(stage, shown, pool.pictures, count=run.sample_count, device=data.device)
    maker = SampleMaker(run, network=network, frames=frames, pool=pool.pictures, texture=texture)
    samples = Ahead(maker.sample, threads=_LOADERS if data.device.type == "cuda" else 0)
    return OpenLesson(
        lesson=UpscalerLesson(
            run, samples=samples, sampler=viewer.view, device=data.device, judge_step=data.judge_step
        ),
        dataset_digest=frames.digest,
        pool_digest=pool.digest,
        taught_to_px=taught_to_px,
        scale_min=scale_min,
        texture=texture,
        ready=_readiness(frames, maker.shown, run),
    )


def _readiness(frames: Frames, slots: list[int], run: RunConfig) -> Ready:
    """slots: the photo of each place of an epoch."""
    if isinstance(frames, FrameStream):
        frames.follow(slots, run_seed=run.seed, batch=run.batch)
        return frames.ready
    return lambda _nimg, _should_stop: True


def _shown_photos(data: _Data, least_px: int) -> Frames | None:
    """The control people's largest photos, if there are any."""
    try:
        control = data.photos("control", least_px)
    except InvalidInput:
        return None
    largest = sorted(control, key=lambda photo: (-photo.native_px, photo.sha256))[: data.spec.run.sample_count]
    return data.frames.open(tuple(largest), size_px=None, most_px=2 * data.spec.run.network.size_px, whole=True)
