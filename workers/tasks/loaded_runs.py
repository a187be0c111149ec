"""Stages of runs on this worker's device: the averages of a checkpoint, as a cascade would take them."""

import hashlib
import json
import tempfile
from collections import OrderedDict
from pathlib import Path

import torch

from farm.errors import CheckpointInvalid, NotFound
from farm.specs.evaluation import Source
from farm.storage import Storage
from workers.cascade.base import Generator
from workers.cascade.cascade import Cascade
from workers.cascade.config import CascadeConfig
from workers.cascade.container import build
from workers.cascade.stage import BaseStage, UpscalerStage
from workers.tasks.local_cache import write_whole
from workers.training.export import AVERAGES, export_stage

STATE_FILE = "state.json"
KEPT = 3


class LoadedRuns:
    """The runs' stages this process used last, by the digest of their checkpoint, ready on one device."""

    def __init__(self, storage: Storage, *, device: str, kept: int = KEPT) -> None:
        self._storage, self._device, self._kept = storage, torch.device(device), kept
        self._loaded: OrderedDict[str, Cascade | UpscalerStage] = OrderedDict()

    def base(self, source: Source) -> Cascade:
        """A base as a cascade of one stage, which is called by the checkpoint's digest.

        Raises CheckpointInvalid, StorageUnavailable.
        """
        found = self._get(source)
        if not isinstance(found, Cascade):
            raise CheckpointInvalid(f"run {source.name} is no base")
        return found

    def upscaler(self, source: Source) -> UpscalerStage:
        """An upscaler. Raises CheckpointInvalid, StorageUnavailable."""
        found = self._get(source)
        if not isinstance(found, UpscalerStage):
            raise CheckpointInvalid(f"run {source.name} is no upscaler")
        return found

    def _get(self, source: Source) -> Cascade | UpscalerStage:
        if source.digest not in self._loaded:
            while len(self._loaded) >= self._kept:
                self._loaded.popitem(last=False)
            self._loaded[source.digest] = self._load(source)
        self._loaded.move_to_end(source.digest)
        return self._loaded[source.digest]

    def _load(self, source: Source) -> Cascade | UpscalerStage:
        with tempfile.TemporaryDirectory(prefix="farm-run-") as root:
            config, tensors = export_stage(self._fetched(source, Path(root)))
        network = build(config.network)
        # Rounded as a cascade's weights are: what is measured is what would be painted with.
        rounded = {name: tensor.to(torch.bfloat16).to(tensor.dtype) for name, tensor in tensors.items()}
        try:
            network.load_state_dict(rounded)
        except RuntimeError as error:
            raise CheckpointInvalid(f"the averages of run {source.name} do not fit its network: {error}") from error
        if isinstance(network, Generator):
            base = BaseStage(network, config, device=self._device)
            return Cascade(base, [], config=CascadeConfig(stages=(config,)), digest=source.digest)
        return UpscalerStage(network, config, device=self._device)

    def _fetched(self, source: Source, folder: Path) -> Path:
        """State and averages of the checkpoint: the optimiser stays where it is."""
        prefix = str(source.checkpoint)
        try:
            state = self._storage.get(prefix + STATE_FILE)
            averages = self._storage.get(prefix + AVERAGES)
        except NotFound as error:
            raise CheckpointInvalid(f"the checkpoint of run {source.name} is gone: {error.message}") from error
        if hashlib.sha256(state).hexdigest() != source.digest or AVERAGES not in json.loads(state)["files"]:
            raise CheckpointInvalid(f"{prefix}{STATE_FILE} is not the one this job was submitted for")
        write_whole(folder / AVERAGES, averages)
        write_whole(folder / STATE_FILE, state)
        return folder
