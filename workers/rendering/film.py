"""Films written picture by picture: MP4 with H.264 or AV1, through FFmpeg's encoders (PyAV).

8 bits, 4:2:0, BT.709 in video range. One picture is held, beside the dozens that an encoder looks ahead. Equal pictures
give an equal file from one build of PyAV: threads are fixed, the colours' conversion is exact, no date is written.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, TracebackType

import av
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation
from numpy.typing import NDArray

from farm.errors import InvalidInput, WorkFailed
from workers.rendering.provenance import XMP

THREADS = 4
"""Of an encoder, on every machine: x264's choices depend on their number."""
KEY_PICTURE_S = 2
"""At most so far apart are pictures that players may jump to."""
XMP_BOX = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
"""The `uuid` box that holds XMP in MP4 (XMP specification, part 3, §1.1.4)."""

_EXACT = Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.BITEXACT | Interpolation.FULL_CHR_H_INP
"""Colours by the formula, rounded once, chroma the mean of four pixels: within 0.51 of a level."""


@dataclass(frozen=True)
class Encoder:
    """An encoder of FFmpeg; `crf`: its constant-quality number for quality 0 and what a point of quality takes off."""

    name: str
    crf: tuple[float, float]
    options: Mapping[str, str]

    def settings(self, quality: int) -> dict[str, str]:
        worst, point = self.crf
        return {**self.options, "crf": str(round(worst - point * quality))}


ENCODERS: Mapping[str, Encoder] = MappingProxyType(
    {
        "h264": Encoder("libx264", (50.0, 0.4), {"preset": "medium", "x264-params": "chromaloc=1"}),
        "av1": Encoder("libsvtav1", (63.0, 0.5), {"preset": "6"}),
    }
)


@dataclass(frozen=True, kw_only=True)
class FilmFormat:
    """What a film file is to be. quality: 1 … 100; 80 is crf 18 of x264, 23 of SVT-AV1. comment: kept in the file."""

    codec: str
    side_px: int
    fps: int
    quality: int
    comment: str

    def __post_init__(self) -> None:
        if self.codec not in ENCODERS:
            raise InvalidInput(f"there is no codec {self.codec!r}; there are {', '.join(ENCODERS)}")
        if self.side_px % 2:
            raise InvalidInput(f"a film's side must be even, not {self.side_px} px: its colours are halved")


class FilmWriter:
    """One film file: `add` its pictures in order, within `with`. Raises WorkFailed where FFmpeg does."""

    def __init__(self, path: Path, wanted: FilmFormat) -> None:
        os.environ.setdefault("SVT_LOG", "1")  # errors alone: it talks to standard error otherwise
        self._path, self._wanted, self._count = path, wanted, 0
        try:
            options = {"movflags": "+faststart", "fflags": "+bitexact"}
            self._file = av.open(str(path), "w", format="mp4", options=options)
            self._file.metadata["comment"] = wanted.comment
            self._stream = _stream(self._file, wanted)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise WorkFailed(f"a film of {wanted.codec} cannot be begun: {error}") from error

    def __enter__(self) -> "FilmWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if error is not None:
            self._file.close()
            return
        try:
            for packet in self._stream.encode():
                self._file.mux(packet)
            self._file.close()
            with self._path.open("ab") as file:
                file.write(_box(b"uuid", XMP_BOX + XMP.encode()))
        except (av.error.FFmpegError, OSError) as broken:
            raise WorkFailed(f"the film cannot be ended: {broken}") from broken

    def add(self, picture: NDArray[np.uint8]) -> None:
        """The next picture, uint8 [side_px, side_px, 3], sRGB."""
        side = self._wanted.side_px
        if picture.shape != (side, side, 3):
            raise WorkFailed(f"picture {self._count} is {list(picture.shape)}, not {side} px square")
        frame = to_video(picture)
        frame.pts = self._count
        self._count += 1
        try:
            for packet in self._stream.encode(frame):
                self._file.mux(packet)
        except (av.error.FFmpegError, OSError) as error:
            raise WorkFailed(f"picture {self._count - 1} cannot be encoded: {error}") from error


def _stream(file: av.container.OutputContainer, wanted: FilmFormat) -> av.VideoStream:
    encoder = ENCODERS[wanted.codec]
    stream = file.add_stream(encoder.name, rate=wanted.fps, options=encoder.settings(wanted.quality))
    if not isinstance(stream, av.VideoStream):
        raise WorkFailed(f"{encoder.name} encodes no video")
    stream.width = stream.height = wanted.side_px
    stream.pix_fmt = "yuv420p"
    context = stream.codec_context
    context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
    context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
    context.gop_size = KEY_PICTURE_S * wanted.fps
    context.thread_count = THREADS
    return stream


def to_video(picture: NDArray[np.uint8]) -> av.VideoFrame:
    """uint8 [H, W, 3] of sRGB → 4:2:0 in BT.709's matrix and video range."""
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
    return frame.reformat(
        format="yuv420p",
        src_colorspace=Colorspace.ITU709,
        dst_colorspace=Colorspace.ITU709,
        src_color_range=ColorRange.JPEG,
        dst_color_range=ColorRange.MPEG,
        interpolation=int(_EXACT),
    )


def _box(name: bytes, body: bytes) -> bytes:
    return (8 + len(body)).to_bytes(4, "big") + name + body
