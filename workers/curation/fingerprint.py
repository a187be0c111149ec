"""What a photo is recognised by when it comes again: a small grey picture and its strongest local patterns.

Both are made at one canonical size, so copies of other sizes give nearly the same; patterns stay where a crop leaves
them; and both can be mirrored without the photo. The equations are in docs/curation.md, "Near-duplicates".
"""

import base64
import binascii
import functools
import hashlib
import threading
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from farm.errors import InvalidInput

THUMB_PX = 32
"""The small picture has about THUMB_PX² pixels, whatever its aspect."""
PATTERNS = 48
"""At most so many patterns are kept, by size times contrast."""

_VERSION = 1
_HEAD = 4  # bytes: version, height and width of the small picture, number of patterns
_PATTERN_SIDE = 160  # patterns are sought in about 160² pixels: JPEG 20 and halving leave those details alone
_ROW = np.dtype([("x", "u1"), ("y", "u1"), ("size", "u1"), ("angle", "u1"), ("bits", ">u8")])
_SIZES_PER_OCTAVE = 32


@dataclass(frozen=True)
class Fingerprint:
    """thumb: uint8 grey [h, w], h·w ≈ THUMB_PX². Per pattern, all of shape [n], n ≤ PATTERNS:

    xy float32 [n, 2]: place in units of the square root of the picture's area, from its centre; size: log2 of the
    pattern's size in the same unit; angle: turns, 0 … 1; bits uint64: 64 signs that describe it.
    """

    thumb: NDArray[np.uint8]
    xy: NDArray[np.float32]
    size: NDArray[np.float32]
    angle: NDArray[np.float32]
    bits: NDArray[np.uint64]

    def mirrored(self) -> "Fingerprint":
        """The fingerprint of the mirrored photo, up to rounding."""
        return Fingerprint(
            np.ascontiguousarray(self.thumb[:, ::-1]),
            _float(self.xy * np.array([-1, 1])),
            self.size,
            _float((0.5 - self.angle) % 1),
            mirrored_bits(self.bits),
        )

    def to_text(self) -> str:
        """At most 2.1 kB of base85."""
        rows = np.zeros(len(self.bits), dtype=_ROW)
        rows["x"], rows["y"] = np.rint(np.clip(self.xy.T * 64 + 128, 0, 255))
        rows["size"] = np.rint(np.clip(self.size * _SIZES_PER_OCTAVE + 255, 0, 255))
        rows["angle"] = np.rint(self.angle * 256) % 256
        rows["bits"] = self.bits
        head = bytes([_VERSION, *self.thumb.shape, len(rows)])
        return base64.b85encode(head + self.thumb.tobytes() + rows.tobytes()).decode("ascii")

    @classmethod
    def from_text(cls, text: str) -> "Fingerprint":
        """Raises InvalidInput when it is not the text of a fingerprint."""
        try:
            raw = base64.b85decode(text)
            version, height, width, patterns = raw[:_HEAD]
        except (ValueError, binascii.Error) as error:
            raise InvalidInput("a photo's fingerprint is damaged: judge the photos again") from error
        picture = height * width
        length = _HEAD + picture + patterns * _ROW.itemsize
        if version != _VERSION or not picture or patterns > PATTERNS or len(raw) != length:
            raise InvalidInput("a photo's fingerprint is damaged or of another version: judge the photos again")
        thumb = np.frombuffer(raw, np.uint8, picture, _HEAD).reshape(height, width)
        rows = np.frombuffer(raw, _ROW, patterns, _HEAD + picture)
        place = (_float(np.stack([rows["x"], rows["y"]], axis=1)) - np.float32(128)) / np.float32(64)
        size = (_float(rows["size"]) - np.float32(255)) / np.float32(_SIZES_PER_OCTAVE)
        return cls(thumb, place, size, _float(rows["angle"]) / np.float32(256), rows["bits"].astype(np.uint64))


def fingerprint(pixels: NDArray[np.uint8]) -> Fingerprint:
    """The fingerprint of an upright photo uint8 RGB [H, W, 3] (or of a view of it reduced to 320² pixels or more)."""
    grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    large = _canonical(grey, _PATTERN_SIDE)
    found, descriptors = _sift(threading.get_ident()).detectAndCompute(large, None)
    unit = float(np.sqrt(large.size))
    place = np.array([point.pt for point in found], dtype=np.float32).reshape(-1, 2)
    size = np.array([point.size for point in found], dtype=np.float32)
    response = np.array([point.response for point in found], dtype=np.float32)
    angle = np.array([point.angle for point in found], dtype=np.float32)
    bits = _signs(_float(descriptors)) if len(found) else np.zeros(0, dtype=np.uint64)
    best = np.lexsort((bits, -size * response))[:PATTERNS]
    middle = np.array([large.shape[1] - 1, large.shape[0] - 1], dtype=np.float32) / 2
    made = Fingerprint(
        _canonical(grey, THUMB_PX),
        _float((place[best] - middle) / unit),
        _float(np.log2(size[best] / unit)),
        _float(angle[best] / 360 % 1),
        bits[best],
    )
    return Fingerprint.from_text(made.to_text())  # as it will be read again


def mirrored_bits(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The signs of the mirrored pattern: the projections come in mirrored pairs, so the halves change places."""
    half = np.uint64(32)
    return np.asarray((bits << half) | (bits >> half), dtype=np.uint64)


def _float(values: NDArray[Any] | cv2.typing.MatLike) -> NDArray[np.float32]:
    return np.asarray(values, dtype=np.float32)


def _canonical(grey: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Resized to about side² pixels, neither side beyond 255 · side / THUMB_PX."""
    height, width = grey.shape
    scale = side / np.sqrt(height * width)
    longest = 255 * side // THUMB_PX
    size = tuple(int(min(max(2, round(length * scale)), longest)) for length in (width, height))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(grey, size, interpolation=how), dtype=np.uint8)


def _signs(descriptors: NDArray[np.float32]) -> NDArray[np.uint64]:
    """64 signs of projections of RootSIFT (Arandjelović, Zisserman 2012) less the picture's own mean: uint64 [n]."""
    root = np.sqrt(descriptors / np.maximum(descriptors.sum(axis=1, keepdims=True), 1e-6))
    positive = (root - root.mean(axis=0)) @ _projections().T > 0
    return np.packbits(positive, axis=1).view(">u8")[:, 0].astype(np.uint64)


@functools.lru_cache(maxsize=1)
def _projections() -> NDArray[np.float32]:
    """±1, float32 [64, 128]: 32 rows from sha256, then the same for mirrored patterns.

    A SIFT descriptor is [4 rows, 4 columns, 8 directions] along the pattern's own direction; a mirror turns the rows
    and the sense of rotation round.
    """
    digests = b"".join(hashlib.sha256(b"pattern %d" % number).digest() for number in range(16))
    rows = np.unpackbits(np.frombuffer(digests, dtype=np.uint8)).reshape(32, 4, 4, 8) * np.float32(2) - 1
    mirrored = rows[:, ::-1][..., -np.arange(8) % 8]
    return np.concatenate([rows, mirrored]).reshape(64, 128).astype(np.float32)


@functools.lru_cache(maxsize=64)
def _sift(_thread: int) -> cv2.Feature2D:
    """One for each thread: it keeps the picture inside itself while it looks."""
    made: cv2.Feature2D = cv2.SIFT.create(nfeatures=0, nOctaveLayers=3, contrastThreshold=0.01, edgeThreshold=12)
    return made
