"""Films read again by FFmpeg's decoders, their colours by the formula of BT.709."""

from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray


def frames_of(path: Path) -> list[NDArray[np.float64]]:
    """Every frame, [H, W, 3], 0 … 255, not rounded: FFmpeg's own way back to RGB is two levels too dark."""
    with av.open(str(path)) as file:
        return [_rgb(frame.to_ndarray().astype(np.float64)) for frame in file.decode(video=0)]


def _rgb(planes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Y over Cb over Cr, as yuv420p lies in memory."""
    side = planes.shape[1]
    y = (planes[:side] - 16) / 219
    chroma = (planes[side:].reshape(2, side // 2, side // 2) - 128) / 224
    blue, red = np.kron(chroma, np.ones((2, 2)))
    r, b = y + 1.5748 * red, y + 1.8556 * blue
    g = (y - 0.2126 * r - 0.0722 * b) / 0.7152
    return 255 * np.clip(np.stack([r, g, b], axis=-1), 0, 1)


def psnr(seen: NDArray[np.float64], meant: NDArray[np.uint8]) -> float:
    """Decibels over all pixels and colours."""
    return float(10 * np.log10(255**2 / np.mean((seen - meant) ** 2)))
