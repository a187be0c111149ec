"""From a slice's description to a lesson on its data."""

import math
from dataclasses import dataclass

import torch

from farm.errors import InvalidInput
from workers.cascade.config import BaseConfig, UpscalerConfig
from workers.cascade.halo import stage_config
from workers.training.base_lesson import BaseLesson
from workers.training.config import UpscalingConfig
from workers.training.data import FrameCache, open_frames, teaching_photos
from workers.training.loop import Lesson
from workers.training.pool import EMPTY, Pool, open_pool
from workers.training.slice_spec import SliceSpec
from workers.training.upscaler_lesson import UpscalerLesson
from workers.training.upscaler_samples import SampleMaker, least_native_px, scale_steps
from workers.training.upscaler_view import Viewer


@dataclass(frozen=True, kw_only=True)
class OpenLesson:
    """A lesson ready to be taught, what it stands on, and how far it teaches (see StageConfig)."""

    lesson: Lesson
    dataset_digest: str
    pool_digest: str
    taught_to_px: int
    scale_min: float


def open_lesson(spec: SliceSpec, *, device: torch.device) -> OpenLesson:
    """Decode what is not yet in the cache, make the pool if there is one, and build the lesson.

    Raises NotFound, InvalidInput, PhotoRefused or CheckpointInvalid naming what is wrong.
    """
    if isinstance(spec.run.network, BaseConfig):
        return _open_base(spec, spec.run.network, device)
    if spec.run.upscaling is None:
        raise InvalidInput("an upscaler's run needs its upscaling configuration")
    return _open_upscaler(spec, spec.run.network, how=spec.run.upscaling, device=device)


def _open_base(spec: SliceSpec, network: BaseConfig, device: torch.device) -> OpenLesson:
    photos = teaching_photos(spec.data_dir, split="train", min_native_px=network.size_px)
    frames = open_frames(spec.data_dir, cache_dir=spec.cache_dir, photos=photos, size_px=network.size_px)
    return OpenLesson(
        lesson=BaseLesson(spec.run, frames=frames, device=device),
        dataset_digest=frames.digest,
        pool_digest=EMPTY.digest,
        taught_to_px=network.size_px,
        scale_min=0.0,
    )


def _open_upscaler(
    spec: SliceSpec, network: UpscalerConfig, *, how: UpscalingConfig, device: torch.device
) -> OpenLesson:
    least = least_native_px(network, how)
    photos = teaching_photos(spec.data_dir, split="train", min_native_px=least)
    frames = open_frames(spec.data_dir, cache_dir=spec.cache_dir, photos=photos, size_px=None)
    pool = _open_pool(spec, how, device)
    steps = [scale_steps(network, how, photo.native_px) for photo in photos]
    taught_to_px = network.factor * max(high for _, high in steps)
    scale_min = math.log2(min(low for low, _ in steps) / network.input_px)
    stage = stage_config(network, call=spec.run.call, taught_to_px=taught_to_px, scale_min=scale_min)
    viewer = Viewer(
        stage, _shown_photos(spec, least, frames), pool.pictures, count=spec.run.sample_count, device=device
    )
    samples = SampleMaker(spec.run, network=network, frames=frames, pool=pool.pictures)
    return OpenLesson(
        lesson=UpscalerLesson(spec.run, samples=samples, sampler=viewer.view, device=device),
        dataset_digest=frames.digest,
        pool_digest=pool.digest,
        taught_to_px=taught_to_px,
        scale_min=scale_min,
    )


def _open_pool(spec: SliceSpec, how: UpscalingConfig, device: torch.device) -> Pool:
    if how.pool is None:
        return EMPTY
    return open_pool(how.pool, checkpoints=spec.stages_before, cache_dir=spec.cache_dir, device=device)


def _shown_photos(spec: SliceSpec, least_px: int, taught: FrameCache) -> FrameCache:
    """The control people's largest photos; where there are none, the taught ones."""
    try:
        control = teaching_photos(spec.data_dir, split="control", min_native_px=least_px)
    except InvalidInput:
        return taught
    largest = sorted(control, key=lambda photo: (-photo.native_px, photo.sha256))[: spec.run.sample_count]
    return open_frames(spec.data_dir, cache_dir=spec.cache_dir, photos=tuple(largest), size_px=None)
