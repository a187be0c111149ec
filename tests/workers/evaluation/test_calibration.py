"""The demo's own portraits: a blur is found, and effects are told as blurs."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.workers.cascade.shipped import shipped_cascade
from workers.cascade.noise import latents
from workers.curation.face_frame import crop, face_frame
from workers.evaluation.calibration import BLURS_PX, Curve, blurred_by, calibrated
from workers.evaluation.compare import compare
from workers.evaluation.described import Described
from workers.evaluation.features import Describer
from workers.evaluation.judging import Terms
from workers.photos.opening import open_photo

PHOTOS = Path(__file__).parents[3] / "deploy" / "demo" / "photos"
COUNT = 60


@pytest.fixture(scope="module")
def portraits() -> np.ndarray:
    """64 px portraits of the demo cascade."""
    base = shipped_cascade().base
    return np.stack(list(base.render(latents(range(COUNT), base.network.config.latent_dim))))


@pytest.fixture(scope="module")
def photos() -> Described:
    """Face frames of the shipped photos."""
    frames = []
    for path in sorted(PHOTOS.glob("*.jpg")):
        pixels = open_photo(path.read_bytes(), max_bytes=2**24, max_px=10**7).pixels
        frame = np.ascontiguousarray(crop(pixels, face_frame(pixels)))
        frames.append(cv2.resize(frame, (64, 64), interpolation=cv2.INTER_AREA))
    return Describer(64).describe(np.stack(frames), names=[str(n) for n in range(len(frames))])


def seen(pictures: np.ndarray) -> Described:
    return Describer(64).describe(pictures, names=[str(n) for n in range(len(pictures))])


def test_portraits_are_better_than_the_same_blurred_and_effects_are_told_as_blurs(
    portraits: np.ndarray, photos: Described
) -> None:
    clean = seen(portraits)
    blurred = [seen(blurred_by(portraits, sigma)) for sigma in BLURS_PX]
    for kind in ("base", "upscaler"):
        curves = calibrated(clean, blurred, photos, kind=kind)
        terms = Terms(calibration=curves, described=False)
        verdict = compare(clean, blurred[-1], photos, kind=kind, paired=True, terms=terms)
        assert verdict.outcome == "worse"
        assert all("a blur of σ" in figure.in_words for figure in verdict.primary)
        assert "only 24 people in the photos" in " ".join(verdict.warnings)


def test_a_curve_interpolates_and_says_where_it_ends() -> None:
    curve = Curve("a blur of σ {} px", (0.3, 0.4, 0.8), (-0.1, 0.2, 0.6))
    assert curve.words(0.4) == "about as much as a blur of σ 0.6 px makes"
    assert curve.words(0.05) == "less than a blur of σ 0.3 px makes"
    assert curve.words(0.7) == "more than a blur of σ 0.8 px makes"
