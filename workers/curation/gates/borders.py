"""Borders, mats, frames and vignettes around the picture; captions and watermarks on it."""

from collections.abc import Iterator

import cv2
import numpy as np
import scipy.fft
from numpy.typing import NDArray

from workers.curation.look import Look, Measurement

EVEN_LEVELS = 14.0
"""Spread (5 % to 95 %) of a line of pixels up to which it may be paper, a mat or a scan's edge."""
STEP_LEVELS = 10.0
"""A border ends at a straight step of so many levels along most of the side; a backdrop ends at a head."""
STEP_SHARE = 0.7
MOST_SHARE = 0.4
OVAL_FIT = 0.95
"""Overlap (intersection over union) of the inside with its ellipse from which the corners are an oval mat."""
GLYPHS_HALF = 6.5
"""Letters in lines for which text is as likely as not."""
HIGHEST_GLYPH = 0.07
"""Share of the picture's height: higher rows of marks are checks and folds."""
EVEN_FILL = 0.055
"""Spread of how much of their boxes marks fill: of letters 0.06 to 0.20, of houndstooth and stripes 0.05."""
CONTRASTS = ((40.0, 0.5), (30.0, 0.25))
"""(levels, share of the strongest stroke) from which a stroke may be ink: letters on a light shirt are the weakest."""
REPEAT_FROM = 0.10
"""Autocorrelation of fine detail, far from its origin, from which a pattern is laid over the picture."""

Plane = NDArray[np.float32]
Sides = tuple[int, int, int, int]


def borders(look: Look) -> Measurement:
    """Share 0 … 1 of the picture in borders, frames and mats.

    details: text, probability 0 … 1 of lines of letters (captions, signatures in print); watermark, likewise of a
    pattern repeated over the picture; oval, the share that an oval mat takes.
    """
    luma = look.small_luma
    top, bottom, left, right = _margins(luma)
    inside = luma[top : luma.shape[0] - bottom, left : luma.shape[1] - right]
    oval = _oval(inside) * inside.size / luma.size
    share = 1 - inside.size / luma.size + oval
    letters = _letters(luma)
    text = letters**2 / (letters**2 + GLYPHS_HALF**2)
    watermark = float(np.clip((_repeats(inside) - REPEAT_FROM) / REPEAT_FROM, 0, 1))
    notes = [f"borders cover {share:.0%}" if share > 0.005 else "no borders"]
    notes += ["an oval mat"] if oval else []
    notes += [f"{letters} marks in lines like letters"] if text > 0.5 else []
    notes += ["a pattern is laid over it"] if watermark > 0.5 else []
    details = {"text": round(text, 4), "watermark": round(watermark, 4), "oval": round(oval, 4)}
    return Measurement(value=round(share, 4), reason="; ".join(notes), details=details)


def _margins(luma: Plane) -> Sides:
    """Width in pixels of the border at the top, bottom, left and right: layers of even lines, each ending in a step."""
    found = [0, 0, 0, 0]
    for _ in range(3):  # paper, a printed line, a mat
        before = list(found)
        height, width = luma.shape
        inside = luma[found[0] : height - found[1], found[2] : width - found[3]]
        if min(inside.shape) < 16:
            break
        views = (inside, inside[::-1], inside.T, inside.T[::-1])
        grown = [_margin(np.ascontiguousarray(view)) for view in views]
        found = [a + b for a, b in zip(found, grown, strict=True)]
        if found == before:
            break
    height, width = luma.shape
    if found[0] + found[1] > 0.9 * height or found[2] + found[3] > 0.9 * width:
        return 0, 0, 0, 0  # an even picture is no border
    return found[0], found[1], found[2], found[3]


def _margin(lines: Plane) -> int:
    """Number of even first rows that end in a straight step; 0 where they do not."""
    deepest = int(MOST_SHARE * lines.shape[0])
    outer = float(np.median(lines[0]))
    end = next((row for row, even in enumerate(_even(lines[: deepest + 3], outer)) if not even), 0)
    if not 0 < end <= deepest:
        return 0
    after = lines[min(end + 2, len(lines) - 1)]
    return end + 1 if float((np.abs(after - outer) > STEP_LEVELS).mean()) >= STEP_SHARE else 0


def _even(lines: Plane, outer: float) -> Iterator[bool]:
    """Whether each row is even and of the outer tone; few rows at a time, since most pictures end it with the first."""
    for start in range(0, len(lines), 8):
        low, high = np.quantile(lines[start : start + 8], (0.05, 0.95), axis=1)
        yield from ((high - low <= EVEN_LEVELS) & (np.abs((high + low) / 2 - outer) <= EVEN_LEVELS)).tolist()


def _oval(luma: Plane) -> float:
    """Share of the view outside an ellipse, where all four corners are one even ground up to it; else 0."""
    height, width = luma.shape
    if min(height, width) < 64:
        return 0.0
    corner = max(4, min(height, width) // 25)
    patches = [
        luma[y, x] for y in (slice(0, corner), slice(-corner, None)) for x in (slice(0, corner), slice(-corner, None))
    ]
    means = [float(patch.mean()) for patch in patches]
    if max(means) - min(means) > 2 * EVEN_LEVELS or max(float(patch.std()) for patch in patches) > EVEN_LEVELS:
        return 0.0
    ground = np.asarray(np.abs(cv2.blur(luma, (3, 3)) - np.mean(means)) < 2 * EVEN_LEVELS, dtype=np.uint8)
    _, labels = cv2.connectedComponents(ground)
    outside = np.isin(labels, [int(labels[y, x]) for y in (1, -2) for x in (1, -2)])
    share = float(outside.mean())
    if not 0.08 < share < 0.75:
        return 0.0
    rows, columns = np.nonzero(~outside)
    (top, bottom), (left, right) = np.quantile(rows, (0.002, 0.998)), np.quantile(columns, (0.002, 0.998))
    y, x = np.ogrid[:height, :width]
    radius_y, radius_x = max((bottom - top) / 2, 1.0), max((right - left) / 2, 1.0)
    ellipse = ((y - (top + bottom) / 2) / radius_y) ** 2 + ((x - (left + right) / 2) / radius_x) ** 2 <= 1
    fit = float((ellipse & ~outside).sum() / (ellipse | ~outside).sum())
    return share if fit >= OVAL_FIT else 0.0


def _letters(luma: Plane) -> int:
    """Marks of one height, close together on one line, with strokes of one tone."""
    grey = np.clip(luma, 0, 255).astype(np.uint8)
    kernel = cv2.getStructuringElement(cv2.MORPH_RECT, (11, 11))
    most = 0
    for way in (cv2.MORPH_TOPHAT, cv2.MORPH_BLACKHAT):
        strokes = np.asarray(cv2.morphologyEx(grey, way, kernel), dtype=np.uint8)
        strongest = float(np.quantile(strokes, 0.995))
        most = max(most, *(_marks_in_line(strokes > max(least, share * strongest)) for least, share in CONTRASTS))
    return most


def _marks_in_line(strokes: NDArray[np.bool_]) -> int:
    """Most connected marks of a letter's proportions that share a base line and a height and follow each other closely.

    Marks that fill their boxes alike are the weave of a cloth.
    """
    _, _, stats, middles = cv2.connectedComponentsWithStats(strokes.view(np.uint8))
    x, y, w, h, area = stats[1:].T.astype(np.float64)
    fill = area / np.maximum(w * h, 1)
    fits = (h >= 6) & (h <= HIGHEST_GLYPH * strokes.shape[0]) & (w <= 2 * h) & (fill > 0.2) & (fill < 0.95)
    marks = np.stack([x, x + w, y + h, h, middles[1:, 1], fill])[:, fits]
    return max((_run_with(marks, number) for number in range(min(marks.shape[1], 300))), default=0)


def _run_with(marks: NDArray[np.float64], number: int) -> int:
    """Length of the longest run on the line of one mark. marks: left, right, base, height, middle and fill, [6, n]."""
    _, _, base, height, middle, _ = marks[:, number]
    same = (np.abs(marks[2] - base) <= max(1.5, 0.12 * height)) & (np.abs(marks[3] - height) <= 0.35 * height)
    same &= np.abs(marks[4] - middle) <= 0.3 * height
    line = marks[:, same]
    line = line[:, np.argsort(line[0])]
    gaps = line[0, 1:] - line[1, :-1]
    breaks = np.flatnonzero((gaps < -0.3 * height) | (gaps > 1.2 * height)) + 1
    runs = np.split(line[5], breaks)
    return max((len(fills) for fills in runs if float(fills.std()) >= EVEN_FILL), default=0)


def _repeats(luma: Plane) -> float:
    """Highest autocorrelation of fine detail at shifts of more than an eighth of the picture, both ways."""
    height, width = luma.shape
    if min(height, width) < 96:
        return 0.0
    fine = luma - cv2.GaussianBlur(luma, (0, 0), 2.0)
    limit = 2 * float(np.median(np.abs(fine))) + 1
    fine = np.clip(fine, -limit, limit)
    # Half the picture's shifts are looked at: half its size again in zeros keeps them from wrapping round.
    padded = [scipy.fft.next_fast_len(side + side // 2, real=True) for side in (height, width)]
    power = np.abs(scipy.fft.rfft2(np.asarray(fine, dtype=np.float32), s=padded)) ** 2
    match = scipy.fft.irfft2(power, s=padded)[: height // 2, : width // 2]
    overlap = np.outer(height - np.arange(height // 2), width - np.arange(width // 2))
    match = match / overlap / max(float(match[0, 0]) / luma.size, 1e-6)
    least = min(height, width) // 8
    match[:least, :least] = 0
    match[:3] = 0  # straight lines of the scene repeat along themselves
    match[:, :3] = 0
    sharp = match - cv2.blur(match, (9, 9))
    return float(sharp.max())
