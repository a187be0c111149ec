"""JPEG damage as an equivalent quality: from the file's tables, and from decoded pixels on whatever grid they sit."""

import functools

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from workers.curation.look import Look, Measurement

ANNEX_K = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    dtype=np.float64,
)
"""The luma table of ITU-T T.81, Annex K.1: what quality 50 means."""
MEASURED_PX = 512
"""Side of the centre that is measured: 4,000 blocks say as much as all of them."""

_BASELINE_MAX = 255  # the largest step of a baseline table

_BIN = 0.25  # levels per histogram bin; decoding to 8-bit RGB and to luma leaves an error of σ ≈ 0.35
_TOP = 256.0  # larger coefficients say nothing more
_MAX_STEP = 120
_STEPS = np.arange(2, _MAX_STEP + 1)
_MIN_COUNT = 12.0  # coefficients away from zero that a step is read from
_MIN_COMB = 0.45  # mean cosine of a real comb is 0.55 for step 2 and more above; of none, 0 ± 0.2 at 12 values
_MIN_SIGNIFICANCE = 5.0  # standard errors: 120 steps × 63 frequencies are tried
_MIN_STEPS_READ = 4  # frequencies; one alone may be chance
_SAME_COMB = 0.7  # steps from this share of the largest on belong to the same tooth; its half is another
_CANDIDATES = 2  # grid lines tried per axis


def jpeg(look: Look) -> Measurement:
    """Equivalent JPEG quality 1 … 100 (100: no damage), the worst of the file's tables and of what the pixels show.

    details: tables (the file's, 100 where it is no JPEG), pixels (as read from coefficients), blockiness (relative
    jump at grid lines, 0: none), grid_x, grid_y (0 … 7, the picture's columns and rows where blocks begin).
    """
    tables = table_quality(look.photo.facts.jpeg_tables)
    grey = look.frame_luma
    cut = max(0, (grey.shape[0] - MEASURED_PX) // 2)
    grey = grey[cut : grey.shape[0] - cut, cut : grey.shape[1] - cut]
    pixels, grid, blockiness = pixel_quality(grey)
    start = cut + max(0, (look.frame.px - look.frame_luma.shape[0]) // 2)
    details = {
        "tables": round(tables, 1),
        "pixels": round(pixels, 1),
        "blockiness": round(blockiness, 3),
        "grid_x": float((grid[1] + look.frame.x + start) % 8),
        "grid_y": float((grid[0] + look.frame.y + start) % 8),
    }
    worst = round(min(tables, pixels), 1)
    return Measurement(value=worst, reason=_words(tables, pixels), details=details)


def table_quality(tables: tuple[tuple[int, ...], ...]) -> float:
    """Quality 1 … 100 whose Annex-K luma table is nearest (least squares in the scale) to the file's first table."""
    if not tables:
        return 100.0
    table = np.asarray(tables[0], dtype=np.float64)
    standard = ANNEX_K.reshape(-1)
    told = (table > 1) & (table != _BASELINE_MAX)  # the others were cut off there
    if not told.any():
        return _quality(float((table / standard).max())) if table.max() > 1 else 100.0
    return _quality(float(table[told] @ standard[told] / (standard[told] @ standard[told])))


def pixel_quality(grey: NDArray[np.float32]) -> tuple[float, tuple[int, int], float]:
    """(quality 1 … 100, (row, column) where the grid begins, blockiness) of luma [H, W].

    Block grids are found as the rows and columns with the largest mean jump; on the likeliest, every DCT coefficient
    of a decoded JPEG is a multiple of its quantisation step. The step is the largest whose comb fits the histogram
    (Fan and de Queiroz, IEEE TIP 12(2), 2003, by a cosine transform instead of a likelihood); quality is the median
    over frequencies of step / Annex-K step. 100 where fewer than four combs are seen.
    """
    down, across = _jumps(grey), _jumps(np.ascontiguousarray(grey.T))
    rows, columns = np.argsort(down)[::-1][:_CANDIDATES], np.argsort(across)[::-1][:_CANDIDATES]
    blockiness = float(max(0.0, (down.max() + across.max()) / 2))
    best, grid = 100.0, (int(rows[0]), int(columns[0]))
    for row in rows:
        for column in columns:
            quality = _grid_quality(grey[int(row) :, int(column) :])
            if quality < best:
                best, grid = quality, (int(row), int(column))
    return best, grid, blockiness


def _jumps(grey: NDArray[np.float32]) -> NDArray[np.float64]:
    """[8]: by how much the step onto rows r, r + 8, … exceeds the mean step, relative to it."""
    if grey.shape[0] < 24:
        return np.zeros(8)
    bend = np.abs(grey[:-3] - 3 * grey[1:-2] + 3 * grey[2:-1] - grey[3:])  # a jump stands out from slopes and curves
    line = np.minimum(bend, 24).mean(1, dtype=np.float64)  # strong edges are the picture's own
    whole = len(line) // 8 * 8
    phase = np.roll(line[:whole].reshape(-1, 8).mean(0), 2)  # bend at i is the jump onto row i + 2
    mean = np.median(phase)
    return np.asarray((phase - mean) / (mean + 0.05), dtype=np.float64)


def _grid_quality(grey: NDArray[np.float32]) -> float:
    counts = _histograms(_coefficients(grey))
    steps = _read_steps(counts)
    read = steps > 0
    if int(read.sum()) < _MIN_STEPS_READ:
        return 100.0
    return _quality(float(np.median(steps[read] / ANNEX_K.reshape(-1)[1:][read])))


def _coefficients(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """[blocks, 63]: orthonormal 8×8 DCT without the mean."""
    height, width = grey.shape[0] // 8 * 8, grey.shape[1] // 8 * 8
    blocks = grey[:height, :width].reshape(height // 8, 8, width // 8, 8).swapaxes(1, 2)
    return np.asarray(scipy.fft.dctn(blocks, axes=(2, 3), norm="ortho").reshape(-1, 64)[:, 1:], dtype=np.float32)


def _histograms(coefficients: NDArray[np.float32]) -> NDArray[np.float32]:
    """[63, bins] counts of magnitudes."""
    bins = int(_TOP / _BIN)
    place = np.minimum((np.abs(coefficients) * np.float32(1 / _BIN) + np.float32(0.5)).astype(np.int32), bins - 1)
    place += np.arange(place.shape[1], dtype=np.int32) * bins
    flat = np.bincount(place.reshape(-1), minlength=place.shape[1] * bins)
    counts = np.asarray(flat, dtype=np.float32).reshape(-1, bins)
    counts[:, -1] = 0
    return counts


def _read_steps(counts: NDArray[np.float32]) -> NDArray[np.float64]:
    """[63]: the largest step whose comb is there, 0 where none is."""
    number, fit = np.split(counts @ _combs(), 2, axis=1)
    fit = fit / np.maximum(number, 1)
    seen = (number >= _MIN_COUNT) & (fit > _MIN_COMB) & (fit * np.sqrt(2 * number) > _MIN_SIGNIFICANCE)
    largest = _MAX_STEP - np.argmax(seen[:, ::-1], axis=1)
    near = (largest[:, None] * _SAME_COMB <= _STEPS) & (largest[:, None] >= _STEPS)
    step = _STEPS[np.argmax(np.where(near, fit, -1.0), axis=1)]
    return np.asarray(np.where(seen.any(1), step, 0), dtype=np.float64)


@functools.cache
def _combs() -> NDArray[np.float32]:
    """[bins, 2 · steps]: what is counted for a step, 1 beyond half of it; and its cosine there."""
    size = np.arange(int(_TOP / _BIN))[:, None] * _BIN
    beyond = size > _STEPS / 2
    comb = np.where(beyond, np.cos(2 * np.pi * size / _STEPS), 0.0)
    return np.concatenate([beyond, comb], axis=1).astype(np.float32)


def _quality(scale: float) -> float:
    """Independent JPEG Group quality of a table that is Annex K times `scale`."""
    percent = 100 * scale
    return float(np.clip(5000 / percent if percent > 100 else (200 - percent) / 2, 1, 100))


def _words(tables: float, pixels: float) -> str:
    if pixels < min(tables, 90) - 5:
        saved = f"; the file itself is of quality {tables:.0f}" if tables < 100 else "; the file does not tell"
        return f"pixels were once JPEG of quality {pixels:.0f}{saved}"
    if tables < 100:
        return f"JPEG of quality {tables:.0f}"
    return "no trace of JPEG" if pixels >= 100 else f"pixels were once JPEG of quality {pixels:.0f}"
