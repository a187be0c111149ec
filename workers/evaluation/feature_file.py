"""Features of some pictures as one file: safetensors, whose header says of what they are and who described them.

Nothing is unpickled, and nothing is believed: a file of another extractor, another size or other pictures is refused,
and so is one of which a bit has changed.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from farm.errors import InvalidInput
from farm.recipe import canonical_json

FORMAT = 1
HEADER = "portrait_farm.features"
MAX_HEADER_BYTES = 1 << 20

Array = npt.NDArray[np.generic]
"""float32, float16 or uint8; anything else is refused."""
Arrays = Mapping[str, Array]


@dataclass(frozen=True, kw_only=True)
class Label:
    """Whose features they are. of: digest of the pictures and how they came about. extractor: digest of what described
    them. names: of the pictures, a seed or a sha256 each."""

    of: str
    extractor: str
    size_px: int
    names: tuple[str, ...]


def to_file(arrays: Arrays, label: Label) -> bytes:
    """The file's bytes; equal features give equal bytes.

    arrays: float32, float16 or uint8 [len(label.names), …] by name. Raises InvalidInput where one is of another kind,
    or not finite.
    """
    plain = {name: np.ascontiguousarray(array) for name, array in sorted(arrays.items())}
    _check(plain, len(label.names))
    told = {
        "format": FORMAT,
        "of": label.of,
        "extractor": label.extractor,
        "size_px": label.size_px,
        "names": list(label.names),
        "sha256": _digest(plain),
    }
    # One entry: of several the library would choose the order.
    body: bytes = save(plain, metadata={HEADER: canonical_json(told).decode()})
    return body


def from_file(body: bytes, *, of: str, extractor: str, size_px: int) -> tuple[Label, dict[str, Array]]:
    """Label and arrays of a file that should hold the features of `of`.

    Raises InvalidInput saying what is wrong: damaged, of another extractor, of another size, or of other pictures.
    """
    told = _header(body)
    if told.get("format") != FORMAT:
        raise InvalidInput("this is not a file of features of this version")
    if told.get("extractor") != extractor:
        raise InvalidInput(f"it was described by another extractor ({str(told.get('extractor'))[:12]})")
    if told.get("size_px") != size_px:
        raise InvalidInput(f"it describes pictures of {told.get('size_px')} px, not of {size_px} px")
    if told.get("of") != of:
        raise InvalidInput("it describes other pictures")
    try:
        arrays = load(body)
        names = told.get("names")
    except (SafetensorError, KeyError, ValueError, RecursionError) as error:
        raise InvalidInput(f"it is damaged: {' '.join(str(error).split())[:200]}") from error
    if not isinstance(names, list) or _digest(arrays) != told.get("sha256"):
        raise InvalidInput("it is damaged: its sha256 is not the one in its header")
    _check(arrays, len(names))
    return Label(of=of, extractor=extractor, size_px=size_px, names=tuple(map(str, names))), arrays


def _check(arrays: Arrays, count: int) -> None:
    for name, array in arrays.items():
        if (
            array.dtype not in (np.float32, np.float16, np.uint8)
            or array.shape[:1] != (count,)
            or not _is_finite(array)
        ):
            told = f"{name} is {array.dtype} {list(array.shape)}, or not finite, for {count} pictures"
            raise InvalidInput(f"the features are damaged: {told}")


def _is_finite(array: Array) -> bool:
    return bool(np.isfinite(array.astype(np.float32, copy=False)).all())


def _header(body: bytes) -> dict[str, Any]:
    size = int.from_bytes(body[:8], "little")
    if len(body) < 8 or size > min(MAX_HEADER_BYTES, len(body) - 8):
        raise InvalidInput("it is damaged: it has no header")
    try:
        told = json.loads(json.loads(body[8 : 8 + size])["__metadata__"][HEADER])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidInput("it is damaged: its header is not one of features") from error
    if not isinstance(told, dict):
        raise InvalidInput("it is damaged: its header tells nothing")
    return told


def _digest(arrays: Arrays) -> str:
    whole = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        whole.update(f"{name} {array.dtype.str} {array.shape}".encode())
        whole.update(np.ascontiguousarray(array).tobytes())
    return whole.hexdigest()
