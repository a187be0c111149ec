"""Drawn, painted, engraved or rendered, against photographed: a logistic regression on texture, in drawn_model.json."""

import functools
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workers.curation.drawn_features import features
from workers.curation.look import Look, Measurement

CLIP = 3.0
"""Standard deviations at which a feature is held: a picture unlike all others must not decide by one number alone."""

Model = tuple[tuple[str, ...], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], float]
"""Names, means, standard deviations and weights of the features, and the constant."""


def drawn(look: Look) -> Measurement:
    """Probability 0 … 1 that the picture was made by hand or computer and not by a camera.

    Both kinds and all sources weigh as in training (tests/benchmarks/train_drawn.py). Colour is never looked at.
    """
    chance = probability(features(look.small, look.photo.pixels, look.frame))
    told = "looks like a photograph" if chance < 0.5 else "looks drawn, painted, engraved or rendered"
    return Measurement(value=round(chance, 4), reason=f"{told} ({chance:.0%})")


def probability(found: dict[str, float]) -> float:
    """Logistic of the weighted, standardised features."""
    names, mean, spread, weight, constant = _model()
    values = np.clip((np.array([found[name] for name in names]) - mean) / spread, -CLIP, CLIP)
    return float(1 / (1 + np.exp(-(values @ weight + constant))))


@functools.lru_cache(maxsize=1)
def _model() -> Model:
    read = json.loads((Path(__file__).with_name("drawn_model.json")).read_text())
    rows = read["features"]
    mean, spread, weight = (np.array([row[key] for row in rows.values()]) for key in ("mean", "spread", "weight"))
    return tuple(rows), mean, spread, weight, float(read["constant"])
