"""Where recipes stand in the latent space: at a seed's own latent, or on a smooth path between keyframes.

The path is a spherical spline. Directions: *squad* (Shoemake, "Quaternion calculus and fast animation", SIGGRAPH 1987
course 10), slerps of slerps (Shoemake, "Animating rotation with quaternion curves", SIGGRAPH 1985, §3.3), here on the
unit sphere of the latent's dimension instead of that of quaternions. Norms: cubic Hermite. Both are continuous with
their first derivative (docs/recipes.md §10).

Every machine finds the same float32 latent: float64; + − × ÷ and square root alone, which IEEE 754 rounds in one way;
one order; dot products by `math.fsum`, exactly rounded in any order; sines by a series of our own, since those of C
libraries differ in their last bit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from farm.recipe import PathPoint, Recipe
from workers.cascade.noise import latents

Vector = NDArray[np.float64]

_TERMS = 24
"""Of the series of sine and cosine: exact to float64 up to 2π."""
_NEWTON_STEPS = 4
"""The first guess of an angle is within 0.58, and each step cubes the error and divides it by 6."""


def latents_of(recipes: Sequence[Recipe], dim: int) -> Tensor:
    """One latent a recipe, before truncation: float32 [N, dim]."""
    z = latents([recipe.latent_seed for recipe in recipes], dim)
    points = {row: recipe.path for row, recipe in enumerate(recipes) if recipe.path is not None}
    seeds = sorted({seed for point in points.values() for seed in point.keys})
    keys = dict(zip(seeds, latents(seeds, dim).numpy().astype(np.float64), strict=True))
    for row, point in points.items():
        z[row] = torch.from_numpy(path_latent(point, [keys[seed] for seed in point.keys]).astype(np.float32))
    return z


def path_latent(point: PathPoint, keys: Sequence[Vector]) -> Vector:
    """The latent at `point`, whose four keyframes have the latents `keys`: float64 [dim].

    The path stands still for a moment at a keyframe that equals one beside it: at its ends, and where it is to be held.
    """
    knots = [_Knot(z) for z in keys]
    start = knots[1].passed(knots[0], knots[2], rests=point.keys[1] in (point.keys[0], point.keys[2]))
    end = knots[2].passed(knots[1], knots[3], rests=point.keys[2] in (point.keys[1], point.keys[3]))
    time = point.at[0] / point.at[1]
    return _norm(start, end, time) * _direction(start, end, time)


class _Knot:
    """A keyframe: its norm and its direction, a point of the unit sphere."""

    def __init__(self, z: Vector) -> None:
        self.norm = math.sqrt(_dot(z, z))
        self.direction: Vector = z / self.norm

    def passed(self, before: _Knot, after: _Knot, *, rests: bool) -> _Passage:
        """The derivative in a keyframe is half the way from the one before to the one after (Catmull and Rom)."""
        if rests:
            return _Passage(self, np.zeros_like(self.direction), 0.0)
        ahead, back = _log(self.direction, after.direction), _log(self.direction, before.direction)
        return _Passage(self, 0.5 * (ahead - back), 0.5 * (after.norm - before.norm))


@dataclass(frozen=True)
class _Passage:
    """A keyframe on the path: with the derivatives of direction (tangent to the sphere) and norm by time."""

    knot: _Knot
    velocity: Vector
    growth: float


def _direction(start: _Passage, end: _Passage, time: float) -> Vector:
    """Squad. Its derivative is log(p, q) + 2 log(p, s) at the start p, hence the control points s."""
    p, q = start.knot.direction, end.knot.direction
    near = _exp(p, 0.5 * (start.velocity - _log(p, q)))
    far = _exp(q, -0.5 * (end.velocity + _log(q, p)))
    return _slerp(_slerp(p, q, time), _slerp(near, far, time), 2.0 * time * (1.0 - time))


def _norm(start: _Passage, end: _Passage, time: float) -> float:
    """The cubic with these values and derivatives at its ends."""
    rise = end.knot.norm - start.knot.norm
    cubic = start.growth + end.growth - 2.0 * rise
    square = 3.0 * rise - 2.0 * start.growth - end.growth
    return start.knot.norm + time * (start.growth + time * (square + time * cubic))


def _slerp(p: Vector, q: Vector, share: float) -> Vector:
    return _exp(p, share * _log(p, q))


def _log(p: Vector, q: Vector) -> Vector:
    """The tangent in p towards q, as long as the angle between them. Zero for equal points, and for opposite ones."""
    cosine = _dot(p, q)
    across = q - cosine * p
    sine = math.sqrt(_dot(across, across))
    if sine == 0.0:
        return np.zeros_like(p)
    return (_angle(sine, cosine) / sine) * across


def _exp(p: Vector, tangent: Vector) -> Vector:
    """Where the great circle from p along a tangent ends."""
    angle = math.sqrt(_dot(tangent, tangent))
    if angle == 0.0:
        return p
    sine, cosine = _sine_cosine(angle)
    return cosine * p + (sine / angle) * tangent


def _dot(a: Vector, b: Vector) -> float:
    return math.fsum((a * b).tolist())


def _angle(sine: float, cosine: float) -> float:
    """The angle in 0 … π with this sine and cosine."""
    angle = 0.5 * math.pi - cosine
    for _ in range(_NEWTON_STEPS):
        s, c = _sine_cosine(angle)
        angle = angle + (sine * c - cosine * s)
    return angle


def _sine_cosine(angle: float) -> tuple[float, float]:
    """Taylor's series, from its smallest term up. angle: 0 … 2π."""
    square = angle * angle
    sine = cosine = 1.0
    for term in range(_TERMS, 0, -1):
        even = 2.0 * term
        sine = 1.0 - square / (even * (even + 1.0)) * sine
        cosine = 1.0 - square / (even * (even - 1.0)) * cosine
    return angle * sine, cosine
