"""The pool: outputs of the stages before, on which an upscaler also learns. Made once from frozen checkpoints."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from farm.errors import CheckpointInvalid
from farm.recipe import canonical_digest
from workers.cascade.base import Generator
from workers.cascade.config import BaseConfig
from workers.cascade.container import build
from workers.cascade.noise import latents
from workers.cascade.pixels import Picture
from workers.cascade.stage import BaseStage, Enlargement, UpscalerStage
from workers.cascade.upscaler import Upscaler
from workers.training.config import PoolConfig
from workers.training.data import Tell, silent
from workers.training.export import averages_digest, export_stage
from workers.training.frame_disk import write_pictures
from workers.training.randomness import generator, seeds

_POOL_RUN = 0  # the pool's seeds are its own: the same checkpoints give the same pool to every run
_GROUP = 64


@dataclass(frozen=True)
class Pool:
    """pictures: uint8 [m, m, 3] each, a view into a file. digest: names stages, count and truncation."""

    pictures: Sequence[Picture]
    digest: str


EMPTY = Pool((), "")


def open_pool(
    config: PoolConfig, *, checkpoints: Sequence[Path], cache_dir: Path, device: torch.device, tell: Tell = silent
) -> Pool:
    """The pool from the cache, made now if it is not there.

    checkpoints: of the earlier stages, base first. Raises CheckpointInvalid if they are not those of `config`.
    """
    found = tuple(averages_digest(path) for path in checkpoints)
    if found != config.stages:
        raise CheckpointInvalid(f"the stages before have averages {list(found)}, the run wants {list(config.stages)}")
    side = export_stage(checkpoints[-1])[0].network.size_px
    digest = canonical_digest(asdict(config))
    path = cache_dir / f"pool-{digest[:24]}.u8"
    shape = (config.count, side, side, 3)
    if not path.is_file() or path.stat().st_size != int(np.prod(shape)):
        write_pictures(path, make_pictures(config, checkpoints=checkpoints, device=device), tell=tell)
    pixels = np.memmap(path, dtype=np.uint8, mode="r", shape=shape)
    return Pool([pixels[index] for index in range(config.count)], digest)


def make_pictures(config: PoolConfig, *, checkpoints: Sequence[Path], device: torch.device) -> Iterator[Picture]:
    """The pool's pictures in order, each a function of its index."""
    base, upscalers = _open_stages(checkpoints, device)
    for first in range(0, config.count, _GROUP):
        indices = range(first, min(first + _GROUP, config.count))
        span = config.psi_high - config.psi_low
        psi = [config.psi_low + span * generator(_POOL_RUN, "pool-psi", index).random() for index in indices]
        z = latents(seeds(_POOL_RUN, "pool-latent", indices), base.network.config.latent_dim)
        pictures: Iterable[Picture] = base.render(z * torch.tensor(psi, dtype=torch.float32)[:, None])
        noise = seeds(_POOL_RUN, "pool-noise", indices)
        for step, upscaler in enumerate(upscalers):
            how = [Enlargement(noise_seed=seed, step=step) for seed in noise]
            pictures = upscaler.enlarge(list(pictures), how)
        yield from islice(pictures, len(indices))


def _open_stages(checkpoints: Sequence[Path], device: torch.device) -> tuple[BaseStage, list[UpscalerStage]]:
    base: BaseStage | None = None
    upscalers: list[UpscalerStage] = []
    for path in checkpoints:
        stage, tensors = export_stage(path)
        # The training's own threads: a pool need not have the bits of a rendered portrait.
        stage = replace(stage, call=replace(stage.call, threads=torch.get_num_threads()))
        network = build(stage.network)
        network.load_state_dict(tensors)
        if isinstance(network, Generator) and isinstance(stage.network, BaseConfig):
            base = BaseStage(network, stage, device=device)
        elif isinstance(network, Upscaler):
            upscalers.append(UpscalerStage(network, stage, device=device))
    if base is None:
        raise CheckpointInvalid("the first of the stages before must be a base")
    return base, upscalers
