"""A user's own feature network, an ONNX file: pictures in, one row of features a picture out."""

import hashlib
import importlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import ModuleType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from farm.errors import InvalidInput

Pictures = NDArray[np.uint8]
Features = NDArray[np.float32]

MOST_BYTES = 2 << 30
MOST_FEATURES = 16_384
_AT_ONCE = 8
_ERRORS = ("EPFail", "EngineError", "Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "ModelLoaded")
_MORE_ERRORS = ("ModelRequiresCompilation", "NoModel", "NoSuchFile", "NotImplemented", "RuntimeException")


@dataclass(frozen=True, kw_only=True)
class Treatment:
    """What is done to a picture before the network sees it: resized to size_px (area when it shrinks, cubic when it
    grows), scaled to 0 … 1, less mean, over std, by channel R, G, B."""

    size_px: int
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def __post_init__(self) -> None:
        whole = np.array([*self.mean, *self.std])
        if not 8 <= self.size_px <= 2048 or not np.isfinite(whole).all() or min(self.std) <= 0:
            raise InvalidInput(f"a network sees pictures of 8 to 2048 px, finite means, positive stds; not {self}")


TREATMENTS: Mapping[str, Treatment] = {
    "inception": Treatment(size_px=299, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
    "imagenet": Treatment(size_px=224, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
    "clip": Treatment(size_px=224, mean=(0.48145466, 0.4578275, 0.40821073), std=(0.26862954, 0.26130258, 0.27577711)),
}
"""How the usual networks were trained to be fed."""


@dataclass(frozen=True)
class OnnxExtractor:
    """An opened network. file_sha256 names the file; `digest` the file and what is done to pictures before it."""

    session: Any
    treatment: Treatment
    file_sha256: str

    @property
    def digest(self) -> str:
        told = {"file": self.file_sha256, "treatment": asdict(self.treatment), "version": 1}
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()

    def arrays(self, pictures: Pictures) -> dict[str, Features]:
        """Features by name, as an evaluation keeps them."""
        return {"features": self.features(pictures)}

    def features(self, pictures: Pictures) -> Features:
        """uint8 RGB [N, s, s, 3] -> float32 [N, D]. Raises InvalidInput where the network gives anything else."""
        if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[3] != 3 or not len(pictures):
            raise InvalidInput(f"pictures of uint8 [N, s, s, 3] are looked at, not {pictures.dtype} {pictures.shape}")
        parts = [self._part(pictures[at : at + _AT_ONCE]) for at in range(0, len(pictures), _AT_ONCE)]
        if len({part.shape[1] for part in parts}) != 1:
            raise InvalidInput("the network gives a picture now so many features, now another number")
        return np.concatenate(parts)

    def _part(self, pictures: Pictures) -> Features:
        shown = np.stack([treated(picture, self.treatment) for picture in pictures])
        name = self.session.get_inputs()[0].name
        try:
            found = self.session.run(None, {name: shown})[0]
        except _foreign_errors(_runtime()) as error:
            raise InvalidInput(f"the network does not run: {_short(error)}") from error
        if not isinstance(found, np.ndarray) or found.shape[:1] != (len(pictures),) or found.dtype.kind != "f":
            raise InvalidInput(
                f"the network's first output is not a row of numbers for each of {len(pictures)} pictures"
            )
        flat = found.reshape(len(pictures), -1)
        if not 1 <= flat.shape[1] <= MOST_FEATURES or not np.isfinite(flat).all():
            told = f"{flat.shape[1]} a picture, finite: {bool(np.isfinite(flat).all())}"
            raise InvalidInput(f"a network gives 1 to {MOST_FEATURES} finite features, this one {told}")
        return np.asarray(flat, dtype=np.float32)


def open_extractor(body: bytes, treatment: Treatment) -> OnnxExtractor:
    """The network in an ONNX file with its weights inside.

    Raises InvalidInput for what is no such file, wants other files, or does not take float32 [N, 3, s, s] pictures.
    """
    if not 0 < len(body) <= MOST_BYTES:
        raise InvalidInput(f"a network's file has 1 to {MOST_BYTES} bytes, this one {len(body)}")
    runtime = _runtime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = runtime.InferenceSession(body, options, providers=["CPUExecutionProvider"])
    except _foreign_errors(runtime) as error:
        raise InvalidInput(f"this is not an ONNX network that can be opened: {_short(error)}") from error
    _check_input(session.get_inputs(), treatment)
    return OnnxExtractor(session, treatment, hashlib.sha256(body).hexdigest())


def treated(picture: Pictures, treatment: Treatment) -> Features:
    """One picture as the network sees it, float32 [3, size_px, size_px]."""
    side = treatment.size_px
    if picture.shape[:2] != (side, side):
        kind = cv2.INTER_AREA if len(picture) > side else cv2.INTER_CUBIC
        picture = np.asarray(cv2.resize(picture, (side, side), interpolation=kind), dtype=np.uint8)
    mean, std = (np.array(each, dtype=np.float32) for each in (treatment.mean, treatment.std))
    scaled = (picture.astype(np.float32) / np.float32(255) - mean) / std
    return np.ascontiguousarray(np.moveaxis(scaled, 2, 0))


def _check_input(inputs: Any, treatment: Treatment) -> None:
    wanted = [None, 3, treatment.size_px, treatment.size_px]
    shape = list(inputs[0].shape) if len(inputs) == 1 else []
    fits = len(shape) == 4 and all(
        not isinstance(has, int) or has in (want, -1) for has, want in zip(shape[1:], wanted[1:], strict=True)
    )
    if not fits or isinstance(shape[0], int) or inputs[0].type != "tensor(float)":
        told = ", ".join(f"{each.type} {each.shape}" for each in inputs)
        raise InvalidInput(
            f"the network should take any number of pictures, float32 [N, 3, {wanted[2]}, {wanted[2]}]; it takes {told}"
        )


def _runtime() -> ModuleType:
    try:
        return importlib.import_module("onnxruntime")
    except ModuleNotFoundError as error:
        raise InvalidInput("a network of your own needs ONNX Runtime: pip install 'portrait-farm[onnx]'") from error


def _foreign_errors(runtime: ModuleType) -> tuple[type[Exception], ...]:
    """The runtime's own errors, by their names, and those its binding lets through."""
    known = importlib.import_module(f"{runtime.__name__}.capi.onnxruntime_pybind11_state")
    own = tuple(getattr(known, name) for name in (*_ERRORS, *_MORE_ERRORS) if hasattr(known, name))
    return (*own, RuntimeError, ValueError, MemoryError)


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
