"""What tells a drawing from a photograph in the picture's own texture: a few dozen numbers of luma, never of the file.

Every number is taken from views of one common size, so that neither a collection's size nor its JPEG quality is
learnt in place of the drawing. Colour is left out: old photographs are grey and engravings are printed on brown paper.
"""

import itertools

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.curation.face_frame import FaceFrame, crop
from workers.curation.shrinking import area_reduced

WHOLE_PX = 384
"""Long side of the view of the whole picture."""
FACE_PX = 192
"""Side of the view of the face frame."""
TRIM = 0.04
"""Share of each side left out of the whole view: paper edges and scan borders."""
_EPS = 1e-4

Plane = NDArray[np.float32]


def features(small: NDArray[np.uint8], pixels: NDArray[np.uint8], frame: FaceFrame) -> dict[str, float]:
    """Every feature by name, finite. small: the picture with a long side of at most 512 px; pixels: all of it."""
    height, width = small.shape[:2]
    y, x = int(TRIM * height), int(TRIM * width)
    whole = _view(small[y : height - y, x : width - x], WHOLE_PX)
    face = _view(crop(pixels, frame), FACE_PX)
    found = {f"whole_{name}": value for name, value in _of_view(whole).items()}
    return found | {f"face_{name}": value for name, value in _of_view(face).items()}


def _view(pixels: NDArray[np.uint8], side_px: int) -> Plane:
    """Luma 0 … 1 of the picture, area-reduced to a long side of at most `side_px` and never enlarged."""
    scale = side_px / max(pixels.shape[:2])
    if scale < 1:
        pixels = area_reduced(pixels, max(8, round(pixels.shape[1] * scale)), max(8, round(pixels.shape[0] * scale)))
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255, dtype=np.float32)


def _of_view(view: Plane) -> dict[str, float]:
    found = _tones(view) | _bands(view) | _directions(view) | _patterns(view) | _edges(view)
    return {name: float(np.nan_to_num(value, nan=0.0, posinf=20.0, neginf=-20.0)) for name, value in found.items()}


def _tones(view: Plane) -> dict[str, float]:
    """The histogram: paper and ink have two tones, a painting few and dark ones, a photograph many."""
    counts = cv2.calcHist([view], [0], None, [256], [0, 1.0001]).ravel() / view.size
    tones = (np.arange(256) + 0.5) / 256
    low, middle, high = np.searchsorted(np.cumsum(counts), (0.05, 0.5, 0.95)) / 256
    off = tones - float((tones * counts).sum())
    spread = float(np.sqrt((off**2 * counts).sum())) + _EPS
    coarse = counts.reshape(32, 8).sum(axis=1)
    return {
        "low": low,
        "middle": middle,
        "high": high,
        "spread": spread,
        "skew": float((off**3 * counts).sum()) / spread**3,
        "tail": min(float((off**4 * counts).sum()) / spread**4, 20.0),
        "entropy": float(-(coarse * np.log(coarse + 1e-9)).sum()),
        "peak": float(np.sort(coarse)[-2:].sum()),
        "black": float(counts[:16].sum()),
        "white": float(counts[240:].sum()),
    }


def _bands(view: Plane) -> dict[str, float]:
    """Energy of octaves, its tails, where it sits (shadows, mid-tones, lights) and how it hangs together."""
    blurred = [view, *(cv2.GaussianBlur(view, (0, 0), s) for s in (0.8, 1.6, 3.2, 6.4))]
    bands = [a - b for a, b in itertools.pairwise(blurred)]
    energy = [float(np.log(_norm(band) + _EPS)) for band in bands]
    found = {f"octave{i}": energy[i] - energy[-1] for i in range(len(bands) - 1)} | {"coarse": energy[-1]}
    tone = blurred[-1]
    cuts = np.quantile(tone[::4, ::4], (1 / 3, 2 / 3))
    dark, light = (np.asarray(m, dtype=np.uint8) for m in (tone <= cuts[0], tone >= cuts[1]))
    for i, band in enumerate(bands[:3]):
        size = np.abs(band)
        mean = cv2.mean(size)[0] + _EPS
        found[f"tail{i}"] = float(np.log((_norm(band) + _EPS) / mean))
        found[f"dark{i}"] = float(np.log((cv2.mean(size, dark)[0] + _EPS) / mean))
        found[f"light{i}"] = float(np.log((cv2.mean(size, light)[0] + _EPS) / mean))
        local = cv2.blur(size, (9, 9))
        quiet, half, loud = np.quantile(local[::3, ::3], (0.1, 0.5, 0.9))
        found[f"quiet{i}"] = float(np.log(quiet + _EPS))
        found[f"busy{i}"] = float(np.log((loud + _EPS) / (half + _EPS)))
        found[f"skew{i}"] = float(cv2.mean(band * band * band)[0]) / (_norm(band) + _EPS) ** 3
        calm = np.asarray(local <= half, dtype=np.uint8)
        found[f"calm_tail{i}"] = float(np.log((_norm(band, calm) + _EPS) / (cv2.mean(size, calm)[0] + _EPS)))
    return found | _correlation(bands[0] + bands[1])


def _norm(band: Plane, mask: NDArray[np.uint8] | None = None) -> float:
    """Root mean square, over the mask if there is one."""
    return float(np.sqrt(max(cv2.mean(band * band, mask)[0], 0.0)))


def _correlation(fine: Plane) -> dict[str, float]:
    """Autocorrelation of fine detail at 1 … 3 px, along rows and columns: strokes and weave repeat, grain does not."""
    power = float(np.vdot(fine, fine)) / fine.size + _EPS**2
    found = {}
    for lag in (1, 2, 3):
        across = float((fine[:, lag:] * fine[:, :-lag]).mean()) / power
        down = float((fine[lag:] * fine[:-lag]).mean()) / power
        found[f"repeat{lag}"], found[f"weave{lag}"] = (across + down) / 2, abs(across - down)
    return found


def _directions(view: Plane) -> dict[str, float]:
    """Coherence of the structure tensor: hatching runs one way over areas where skin and cloth have no direction."""
    found = {}
    for i, (inner, outer) in enumerate(((0.7, 2.0), (1.4, 4.0))):
        soft = cv2.GaussianBlur(view, (0, 0), inner)
        dx, dy = cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1)
        xx, yy, xy = (cv2.GaussianBlur(p, (0, 0), outer)[::2, ::2] for p in (dx * dx, dy * dy, dx * dy))
        power = xx + yy + _EPS**2
        coherence = np.sqrt((xx - yy) ** 2 + 4 * xy * xy) / power
        order = np.quantile(power[::2, ::2], (0.25, 0.5, 0.75, 0.95))
        for name, a, b in (("calm", order[0], order[1]), ("mid", order[1], order[2]), ("loud", order[2], order[3])):
            found[f"along_{name}{i}"] = cv2.mean(coherence, cv2.inRange(power, float(a), float(b)))[0]
        found[f"contour{i}"] = 0.5 * float(np.log((order[3] + _EPS**2) / (order[1] + _EPS**2)))
        mean = [float(p.mean()) for p in (xx - yy, 2 * xy, power)]
        found[f"angles{i}"] = float(np.hypot(mean[0], mean[1])) / mean[2]
    return found


def _patterns(view: Plane) -> dict[str, float]:
    """Rotation-invariant uniform local binary patterns (Ojala, Pietikäinen & Mäenpää 2002) at radius 1 and 3 px."""
    found: dict[str, float] = {}
    for r in (1, 3):
        soft = cv2.GaussianBlur(view, (0, 0), 0.5 * r)
        inner = soft[r:-r, r:-r] + 0.004
        rows, columns = soft.shape
        ring = ((-r, 0), (-r, r), (0, r), (r, r), (r, 0), (r, -r), (0, -r), (-r, -r))
        bits = [np.greater(soft[r + y : rows - r + y, r + x : columns - r + x], inner).view(np.uint8) for y, x in ring]
        ones = np.zeros(inner.shape, np.uint8)
        turns = np.zeros(inner.shape, np.uint8)
        for i, bit in enumerate(bits):
            ones += bit
            turns += bit ^ bits[i - 1]
        code = np.where(turns <= 2, ones, 9)
        share = np.bincount(code.ravel(), minlength=10)[:10] / code.size
        found |= {f"pattern{r}_{i}": float(np.log(share[i] + 0.003)) for i in range(10)}
    return found


def _edges(view: Plane) -> dict[str, float]:
    """Width of the strongest edges, two-valued neighbourhoods (ink on paper) and flat areas."""
    fine, coarse = (
        cv2.magnitude(cv2.Sobel(p, cv2.CV_32F, 1, 0), cv2.Sobel(p, cv2.CV_32F, 0, 1))[::2, ::2]
        for p in (view, cv2.GaussianBlur(view, (0, 0), 2.0))
    )
    mean, square = cv2.blur(view, (9, 9)), cv2.blur(view * view, (9, 9))
    spread = np.sqrt(np.maximum(square - mean * mean, 0))
    busy = np.asarray(spread > np.quantile(spread[::3, ::3], 0.7), dtype=np.uint8)
    return {
        "sharp": float(np.log((np.quantile(fine, 0.99) + _EPS) / (np.quantile(coarse, 0.99) + _EPS))),
        "edge": float(np.log(np.quantile(fine, 0.99) + _EPS)),
        "two_valued": cv2.mean(cv2.absdiff(view, mean), busy)[0] / (cv2.mean(spread, busy)[0] + _EPS),
        "flat": float((spread < 0.006).mean()),
        "plain": float((spread < 0.02).mean()),
    }
