"""Printed dot screens and their moiré: the same lattice of peaks in the spectra of many tiles."""

from collections.abc import Iterator, Mapping

import cv2
import numpy as np
import scipy.fft
from numpy.typing import NDArray

from workers.curation.look import Look, Measurement

TILE_PX = 128
MAX_TILES = 16
"""Per scale: bounds the time and is enough for peaks 1 above a background whose noise is 1.28 / √16."""
SCALES = (1, 2, 4)
"""Reductions of the frame: a coarse newspaper screen scanned at 600 dpi has a period of 20 px."""
PERIOD_PX = (2.1, 14.0)
"""Periods looked for at each scale: below, pixels cannot show one; above, it is a pattern of the scene."""
LATTICE_SEEN = 1.5
"""Height of the pair of peaks, in nepers of power, that is a screen as likely as not. Photographs reach 0.4 to 0.9."""
LATTICE_SLOPE = 4.0
INK_FROM = 0.08
INK_SLOPE = 30.0
"""Share of specks from which a picture without a lattice looks like newsprint whose dots ran together."""
LINE_SHARE = 0.35
_BACKGROUND_BINS = 13
_AXIS_BINS = 1.6
_FLAT_LEVELS = 1.0

Plane = NDArray[np.float32]


def halftone(look: Look) -> Measurement:
    """Probability 0 … 1 that the photo was printed with a screen. details: period_px, 0 if no screen is seen."""
    found = evidence(look.frame_luma)
    chance = probability(found)
    period = found["period_px"] if found["lattice"] > LATTICE_SEEN else 0.0
    if chance < 0.5:
        told = "no printed screen seen"
    elif period:
        told = f"printed screen with dots {period:.1f} px apart"
    else:
        told = "coarse black and white dots, like a newspaper's"
    return Measurement(value=round(chance, 4), reason=told, details={"period_px": round(period, 2)})


def probability(found: Mapping[str, float]) -> float:
    """Logistic in what evidence() found."""
    ink = INK_SLOPE * max(0.0, found["speckle"] - INK_FROM)
    return float(1 / (1 + np.exp(-(LATTICE_SLOPE * (found["lattice"] - LATTICE_SEEN) + ink))))


def evidence(luma: Plane) -> dict[str, float]:
    """lattice: height of the best pair of peaks over its surroundings, in nepers of power, and its period in pixels of
    `luma`; speckle: share of pixels that stand out from their median by 32 levels at a long side of 400 px."""
    best, period = 0.0, 0.0
    view = luma
    for scale in SCALES:
        if scale > 1:
            view = np.asarray(cv2.resize(luma, None, fx=1 / scale, fy=1 / scale, interpolation=cv2.INTER_AREA))
        height, here = _lattice(view)
        if height > best:
            best, period = height, here * scale
    return {"lattice": best, "period_px": period} | _ink(luma)


def _lattice(luma: Plane) -> tuple[float, float]:
    """(height, period) of the strongest pair of spectral peaks at right angles; (0, 0) where the view is too small.

    A single peak, of a screen of lines, counts LINE_SHARE of its height: stripes of cloth make one, too.

    Log power is averaged over tiles (a geometric mean), so a peak of one tile, cloth for instance, does not count;
    a screen of dots has two peaks at 90°, stripes have one; the axes, where JPEG's 8 × 8 blocks peak, are left out.
    """
    side = min(TILE_PX, 1 << int(np.log2(max(1, min(luma.shape)))))
    if side < 32:
        return 0.0, 0.0
    window = np.outer(np.hanning(side), np.hanning(side)).astype(np.float32)
    tiles = np.stack(list(_tiles(luma, side)))
    tiles = tiles[tiles.std(axis=(1, 2)) >= _FLAT_LEVELS]
    if len(tiles) < 2:
        return 0.0, 0.0
    mean = _mean_log_power(tiles, window)
    smooth = cv2.GaussianBlur(mean, (0, 0), 0.7)
    rise = smooth - cv2.blur(mean, (_BACKGROUND_BINS, _BACKGROUND_BINS))
    radius, wanted = _bins(side)
    rise = np.where(wanted, rise, np.float32(0))
    turned = np.roll(np.rot90(rise), 1, axis=0)  # the zero frequency of an even side lies right of the middle
    pair = np.minimum(rise, cv2.dilate(np.ascontiguousarray(turned), np.ones((3, 3), np.uint8)))
    pair = np.maximum(pair, LINE_SHARE * rise)
    at = int(pair.argmax())
    noise = np.sqrt(MAX_TILES / len(tiles))
    return float(pair.ravel()[at]) / float(noise), float(side / max(radius.ravel()[at], 1.0))


def _bins(side: int) -> tuple[Plane, NDArray[np.bool_]]:
    """(distance of every bin from the zero frequency, whether it is a frequency to look at)."""
    y, x = (np.mgrid[:side, :side] - side // 2).astype(np.float32)
    radius = np.hypot(x, y)
    inside = (radius >= side / PERIOD_PX[1]) & (radius <= side / PERIOD_PX[0])
    return radius, inside & (np.abs(x) >= _AXIS_BINS) & (np.abs(y) >= _AXIS_BINS)


def _mean_log_power(tiles: Plane, window: Plane) -> Plane:
    """[side, side] geometric mean of the power of tiles [n, side, side], the zero frequency right of the middle."""
    waves = scipy.fft.rfft2((tiles - tiles.mean(axis=(1, 2), keepdims=True)) * window)
    half = np.log((waves.real**2 + waves.imag**2) / window.size + np.float32(1e-3)).mean(axis=0)
    side = len(window)
    whole = np.empty((side, side), dtype=np.float32)
    whole[:, : side // 2 + 1] = half
    # A real tile's power is the same at opposite frequencies: the other half is this one, turned.
    whole[:, side // 2 + 1 :] = np.roll(half[::-1, side // 2 - 1 : 0 : -1], 1, axis=0)
    return np.asarray(np.fft.fftshift(whole), dtype=np.float32)


def _tiles(luma: Plane, side: int) -> Iterator[Plane]:
    """Up to MAX_TILES tiles spread evenly over the view, overlapping by half at most."""
    rows, columns = (min(4, max(1, 2 * length // side - 1)) for length in luma.shape)
    for y in np.linspace(0, luma.shape[0] - side, rows).astype(int):
        for x in np.linspace(0, luma.shape[1] - side, columns).astype(int):
            yield luma[y : y + side, x : x + side]


def _ink(luma: Plane) -> dict[str, float]:
    """Coarse newsprint, whose dots have run together: black and white specks instead of tones."""
    scale = min(1.0, 400 / max(luma.shape))
    view = np.asarray(cv2.resize(luma, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)) if scale < 1 else luma
    flat = np.clip(view, 0, 255).astype(np.uint8)
    specks = cv2.absdiff(flat, cv2.medianBlur(flat, 5))
    return {"speckle": float((specks > 32).mean())}
