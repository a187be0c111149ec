"""Another project's training steps, on command: run by `training_peers.py` with the peer's own Python.

`PEER_PYTHON peer_training.py PEER SIZE BATCH WIDTH FOLDER [SEED PHOTOS]` builds a trainer as its authors do and
answers lines of stdin in JSON: {"do": "count"} with operations of a step, {"do": "step"} with its processor seconds,
{"do": "train", "seconds": s} with the images shown in so long, {"do": "paint", "count": n, "file": path} after writing
uint8 [n, H, W, 3]. The step is the peer's own `Trainer.train`, batches are in memory: of PHOTOS, uint8 [N, H, W, 3] in
an npy file, or drawn. Without CUDA its calls are made no-ops.
"""

import json
import os
import sys
import time
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import library as operators

from tests.benchmarks.training_operations import operations

MIRRORED = 0.5
PAINTED_AT_ONCE = 16
PENALISED = 4
"""A step number at which both peers take their gradient penalty, and neither saves nor samples."""
NEVER = 1 << 40


class _Torch(types.ModuleType):
    """torch, but a CUDA device is the CPU."""

    def __getattr__(self, name: str) -> Any:
        return (lambda *_: torch.device("cpu")) if name == "device" else getattr(torch, name)


def shim() -> None:
    """CUDA calls become no-ops, and the torchvision wheel's missing native functions are declared."""
    here = lambda self, *_, **__: self  # noqa: E731
    torch.Tensor.cuda = torch.nn.Module.cuda = here  # type: ignore[method-assign, assignment]
    torch.cuda.is_available = lambda: True  # type: ignore[method-assign]
    sys.modules.setdefault("aim", types.ModuleType("aim"))
    if not hasattr(torch.ops.torchvision, "nms"):
        library = operators.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _kept.append(library)


_kept: list[Any] = []


def trainer_of(peer: str, size: int, batch: int, width: int, folder: str) -> Any:
    """The peer's trainer with this width, its other settings as published."""
    common = {
        "base_dir": folder,
        "image_size": size,
        "batch_size": batch,
        "save_every": NEVER,
        "evaluate_every": NEVER,
        "aug_prob": 0.25,
    }
    if peer == "stylegan2-pytorch":
        from stylegan2_pytorch.stylegan2_pytorch import Trainer  # noqa: PLC0415  # only one of the two is wanted

        # `width` in quarters of a channel at full size; 16 is published.
        trainer = Trainer(name="peer", network_capacity=width, fmap_max=32 * width, **common)
        trainer.init_GAN()
    else:
        from lightweight_gan import lightweight_gan  # noqa: PLC0415  # after the shim

        if not torch.backends.cuda.is_built():
            lightweight_gan.torch = _Torch("torch")
        trainer = lightweight_gan.Trainer(name="peer", fmap_max=32 * width, latent_dim=256, use_aim=False, **common)
        trainer.init_GAN()
    return trainer


def batches(size: int, batch: int, photos: str) -> Iterator[torch.Tensor]:
    """[batch, 3, size, size] in [0, 1], as the peers' own loaders give them, mirrored or not."""
    random = np.random.default_rng(0)
    pixels = np.load(photos) if photos else random.integers(0, 256, (64, size, size, 3), dtype=np.uint8)
    while True:
        chosen = torch.from_numpy(pixels[random.integers(0, len(pixels), batch)]).permute(0, 3, 1, 2).float() / 255
        mirrored = torch.from_numpy(random.random(batch) < MIRRORED)
        yield torch.where(mirrored[:, None, None, None], chosen.flip(3), chosen)


def penalised_step(trainer: Any) -> None:
    """One step with its gradient penalty."""
    trainer.steps = PENALISED
    trainer.train()


def train_for(trainer: Any, seconds: float) -> int:
    """The peer's own schedule for so long by the clock; images shown."""
    steps, until_s = 0, time.monotonic() + seconds
    trainer.steps = 1
    while time.monotonic() < until_s:
        trainer.train()
        steps += 1
    return steps * int(trainer.batch_size)


@torch.no_grad()
def paint(trainer: Any, peer: str, count: int) -> np.ndarray:
    """uint8 [count, H, W, 3] by the network as it is: the peers' averages start after 20,000 steps."""
    torch.manual_seed(1)
    gan, made = trainer.GAN.eval(), []
    for _ in range(0, count, PAINTED_AT_ONCE):
        if peer == "stylegan2-pytorch":
            from stylegan2_pytorch import stylegan2_pytorch as theirs  # noqa: PLC0415  # only one of the two is wanted

            style = theirs.noise_list(PAINTED_AT_ONCE, gan.G.num_layers, gan.G.latent_dim, device="cpu")
            styles = theirs.styles_def_to_tensor(theirs.latent_to_w(gan.S, style))
            made.append(gan.G(styles, theirs.image_noise(PAINTED_AT_ONCE, gan.G.image_size, device="cpu")))
        else:
            made.append(gan.G(torch.randn(PAINTED_AT_ONCE, gan.latent_dim)))
    pixels = (torch.cat(made)[:count].clamp(0, 1) * 255 + 0.5).to(torch.uint8).permute(0, 2, 3, 1)
    return np.ascontiguousarray(pixels.numpy())


def main(arguments: list[str]) -> int:
    """Serve until stdin ends."""
    peer, size, batch, width, folder = arguments[0], *map(int, arguments[1:4]), arguments[4]
    seed, photos = arguments[5:] or ("0", "")
    answers, sys.stdout = os.fdopen(os.dup(1), "w", buffering=1), sys.stderr
    torch.set_num_threads(1)
    torch.manual_seed(int(seed))
    if not torch.backends.cuda.is_built():
        shim()
    if peer == "stylegan2-pytorch" and not torch.backends.cuda.is_built():
        # oneDNN of torch 2.13 writes over its memory in this peer's backward on AVX2; torch's own kernels do not.
        torch.backends.mkldnn.set_flags(False)  # type: ignore[no-untyped-call]
    trainer = trainer_of(peer, size, batch, width, folder)
    trainer.loader = batches(size, batch, photos)
    for line in sys.stdin:
        told, began_s = json.loads(line), time.thread_time()
        answer: dict[str, float] = {}
        match told["do"]:
            case "count":
                answer["operations"] = operations(lambda: penalised_step(trainer)).total
            case "step":
                penalised_step(trainer)
            case "train":
                answer["images"] = train_for(trainer, told["seconds"])
            case "paint":
                np.save(Path(told["file"]), paint(trainer, peer, told["count"]))
        answers.write(json.dumps(answer | {"seconds": time.thread_time() - began_s}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
