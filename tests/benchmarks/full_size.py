"""A cascade as large as published ones, with random weights: what is measured on it is speed, never a picture.

The base has the widths, blocks and groups that R3GAN trained on FFHQ at 256 px (arXiv 2501.05441); the upscaler to
1024 px is the demo's, 64 channels and 6 blocks. No preset trains it.
"""

from tests.workers.cascade.tiny import randomised
from workers.cascade.cascade import Cascade
from workers.cascade.config import BaseConfig, CanonicalCall, CascadeConfig, UpscalerConfig
from workers.cascade.container import build, cascade_objects, load_cascade
from workers.cascade.halo import stage_config

BASE = BaseConfig(
    size_px=256,
    latent_dim=64,
    widths=(768, 768, 768, 768, 384, 192, 96),
    blocks=2,
    expansion=2,
    group_channels=16,
)
UPSCALER = UpscalerConfig(factor=4, input_px=256, channels=64, blocks=6, full_channels=16, guide_input_px=128)


def full_size(*, device: str = "cpu", micro_batch: int = 4, threads: int = 1) -> Cascade:
    """The cascade 256 -> 1024 px, random weights. ``micro_batch`` is the base's and, on a GPU, the upscaler's too."""
    base = CanonicalCall(window_px=0, micro_batch=micro_batch, threads=threads)
    painter = CanonicalCall(window_px=256, micro_batch=1 if device == "cpu" else micro_batch, threads=threads)
    stages = (
        stage_config(BASE, call=base, taught_to_px=256),
        stage_config(UPSCALER, call=painter, taught_to_px=1024),
    )
    states = [randomised(build(stage.network), seed=index).state_dict() for index, stage in enumerate(stages)]
    return load_cascade(cascade_objects(CascadeConfig(stages=stages), states).__getitem__, device=device)
