"""Damage of known strength to pictures, for measuring how well the gates see it. Deterministic by seed.

Every function takes and gives uint8 RGB [H, W, 3]; nothing is changed in place.
"""

import io
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]

FILTERS = {
    "nearest": cv2.INTER_NEAREST,
    "bilinear": cv2.INTER_LINEAR,
    "bicubic": cv2.INTER_CUBIC,
    "lanczos": cv2.INTER_LANCZOS4,
    "area": cv2.INTER_AREA,
}
"""The five classical ways to resize. Enlarging, cv2's area filter is a blocky bilinear one."""


def jpeg(pixels: Pixels, quality: int, *, grid: tuple[int, int] = (0, 0), subsampling: int = -1) -> Pixels:
    """Saved as JPEG and decoded; `grid`: rows and columns cut off afterwards, which shifts the 8×8 grid."""
    sink = io.BytesIO()
    Image.fromarray(pixels).save(sink, "JPEG", quality=quality, subsampling=subsampling)
    decoded = np.asarray(Image.open(sink).convert("RGB"))
    return np.ascontiguousarray(decoded[grid[0] :, grid[1] :])


def resized(pixels: Pixels, factor: float, kind: str = "bicubic") -> Pixels:
    """Sides times `factor`, at least 16 px; smaller pictures are anti-aliased as photo programs do (Pillow)."""
    size = tuple(max(16, round(side * factor)) for side in pixels.shape[1::-1])
    return to_size(pixels, (size[0], size[1]), kind)


def to_size(pixels: Pixels, size: tuple[int, int], kind: str) -> Pixels:
    """`pixels` at (width, height)."""
    shrinks = size[0] < pixels.shape[1]
    if shrinks and kind not in ("nearest", "area"):
        filters = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
        wanted = filters.get(kind, Image.Resampling.LANCZOS)
        return np.array(Image.fromarray(pixels).resize(size, wanted))
    return np.asarray(cv2.resize(pixels, size, interpolation=FILTERS[kind]), dtype=np.uint8)


def small_and_back(pixels: Pixels, factor: float, kind: str) -> Pixels:
    """Shrunk by `factor` (area: no ringing, no aliasing) and enlarged to the old size with filter `kind`."""
    height, width = pixels.shape[:2]
    small = resized(pixels, 1 / factor, "area")
    return to_size(small, (width, height), kind)


def blurred(pixels: Pixels, sigma_px: float) -> Pixels:
    """A Gaussian blur."""
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT), dtype=np.uint8)


def moved(pixels: Pixels, length_px: float, angle_deg: float) -> Pixels:
    """A straight motion blur of `length_px`."""
    side = int(np.ceil(length_px)) | 1
    kernel = np.zeros((side, side), dtype=np.float32)
    middle, angle = side / 2 - 0.5, np.deg2rad(angle_deg)
    for step in np.linspace(-length_px / 2, length_px / 2, 8 * side):
        x, y = middle + step * np.cos(angle), middle - step * np.sin(angle)
        kernel[min(max(round(y), 0), side - 1), min(max(round(x), 0), side - 1)] += 1
    return np.asarray(cv2.filter2D(pixels, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT), dtype=np.uint8)


def gaussian_noise(pixels: Pixels, sigma: float, seed: int) -> Pixels:
    """White noise of `sigma` 8-bit levels, its own in each channel."""
    return _rounded(pixels + np.random.default_rng(seed).normal(0, sigma, pixels.shape))


def poisson_noise(pixels: Pixels, sigma_at_white: float, seed: int) -> Pixels:
    """Shot noise: variance in proportion to the light, `sigma_at_white` levels at 255."""
    electrons = (255 / sigma_at_white) ** 2
    return _rounded(np.random.default_rng(seed).poisson(pixels / 255.0 * electrons) / electrons * 255.0)


def film_grain(pixels: Pixels, sigma: float, size_px: float, seed: int) -> Pixels:
    """Grain as of film: noise of correlation length `size_px`, one for all channels, strongest in the mid-tones."""
    grain = np.random.default_rng(seed).normal(0, 1, pixels.shape[:2]).astype(np.float32)
    grain = cv2.GaussianBlur(grain, (0, 0), max(size_px, 0.3))
    light = pixels.mean(axis=2) / 255.0
    strength = sigma * np.sqrt(4 * light * (1 - light) + 0.1)
    return _rounded(pixels + (grain / grain.std() * strength)[..., None])


def halftone(pixels: Pixels, period_px: float, angle_deg: float = 45.0, shape: str = "round", over: int = 4) -> Pixels:
    """Printed with a grey screen of `period_px` and scanned again: made `over` times larger, then area-reduced.

    shape: 'round', 'line' or 'diamond' dots.
    """
    height, width = pixels.shape[:2]
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    ink = cv2.resize(grey, (width * over, height * over), interpolation=cv2.INTER_LINEAR).astype(np.float32) / 255
    y, x = np.mgrid[: height * over, : width * over].astype(np.float32)
    turn = np.deg2rad(angle_deg)
    scale = 2 * np.pi / (period_px * over)
    u, v = scale * (x * np.cos(turn) + y * np.sin(turn)), scale * (y * np.cos(turn) - x * np.sin(turn))
    screens = {
        "round": lambda: (np.cos(u) + np.cos(v)) / 4 + 0.5,
        "line": lambda: np.cos(u) / 2 + 0.5,
        "diamond": lambda: np.abs(((u + v) / (2 * np.pi)) % 2 - 1) / 2 + np.abs(((u - v) / (2 * np.pi)) % 2 - 1) / 2,
    }
    # Equal steps of grey need equal areas: the screen's values are replaced by their ranks.
    screen = screens[shape]()
    levels = np.quantile(screen[:: max(1, over)], np.linspace(0, 1, 65))
    rank = np.interp(screen, levels, np.linspace(0, 1, 65))
    printed = np.where(ink > rank, 235.0, 25.0).astype(np.float32)
    paper = cv2.GaussianBlur(printed, (0, 0), 0.35 * over)
    scanned = cv2.resize(paper, (width, height), interpolation=cv2.INTER_AREA)
    return _rounded(np.repeat(scanned[..., None], 3, axis=2))


def sharpened(pixels: Pixels, amount: float, radius_px: float = 1.2) -> Pixels:
    """An unsharp mask: `amount` times what a blur of `radius_px` takes away is added."""
    soft = cv2.GaussianBlur(pixels.astype(np.float32), (0, 0), radius_px)
    return _rounded(pixels + amount * (pixels.astype(np.float32) - soft))


def bordered(pixels: Pixels, share: float, level: int = 255, texture: float = 0.0, seed: int = 0) -> Pixels:
    """A frame of `share` of each side's length laid over the edges; `texture`: its noise in levels."""
    framed = pixels.copy()
    height, width = pixels.shape[:2]
    rows, columns = max(1, round(height * share)), max(1, round(width * share))
    inside = np.zeros((height, width), dtype=bool)
    inside[rows : height - rows, columns : width - columns] = True
    paper = level + np.random.default_rng(seed).normal(0, texture, pixels.shape)
    framed[~inside] = _rounded(paper)[~inside]
    return framed


def exposed(pixels: Pixels, stops: float) -> Pixels:
    """Light times 2^stops, in linear light, clipped."""
    linear = (pixels / 255.0) ** 2.2 * 2.0**stops
    return _rounded(255 * np.clip(linear, 0, 1) ** (1 / 2.2))


def grey(pixels: Pixels, tint: tuple[float, float, float] = (1, 1, 1)) -> Pixels:
    """Without colour, or of one tint, as a toned print."""
    one = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[..., None].astype(np.float32)
    return _rounded(one * np.asarray(tint, dtype=np.float32))


def cropped(pixels: Pixels, share: float, seed: int) -> Pixels:
    """`share` of the picture's area cut off, the rest anywhere and of an aspect of its own (±15 %)."""
    chance = np.random.default_rng(seed)
    height, width = pixels.shape[:2]
    aspect = float(np.exp(chance.uniform(-0.15, 0.15)))
    rows = min(height, round(height * np.sqrt(1 - share) * aspect))
    columns = min(width, round(height * width * (1 - share) / rows))
    y, x = chance.integers(0, height - rows + 1), chance.integers(0, width - columns + 1)
    return np.ascontiguousarray(pixels[y : y + rows, x : x + columns])


def flipped(pixels: Pixels) -> Pixels:
    """Mirrored left to right."""
    return np.ascontiguousarray(pixels[:, ::-1])


def re_saved(pixels: Pixels, *steps: Callable[[Pixels], Pixels]) -> Pixels:
    """Several damages in turn."""
    for step in steps:
        pixels = step(pixels)
    return pixels


def _rounded(values: NDArray[np.floating]) -> Pixels:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
