"""Described pictures made of numbers: every array normal, so that the truth about two sets is known."""

import numpy as np

from workers.evaluation.described import Described

DIM, BANDS, THRESHOLDS = 24, 12, 32
EXTRACTOR = "e" * 64


def described(
    count: int,
    *,
    seed: int,
    moved: float = 0.0,
    people: int = 0,
    size_px: int = 64,
    names: tuple[str, ...] = (),
) -> Described:
    """`count` pictures of which every number is `moved` from standard normal; of `people`, or each its own cluster.

    Pictures of one person resemble each other.
    """
    draw = np.random.default_rng(seed)
    clusters = np.arange(count) if not people else np.sort(draw.integers(people, size=count))

    def normal(*shape: int) -> np.ndarray:
        alike = draw.normal(size=(count, *shape))[clusters] if people else 0.0
        return (0.7 * alike + draw.normal(size=(count, *shape)) + moved).astype(np.float32)

    return Described(
        bank=normal(DIM),
        swd=(normal(3, 1, 1) / 8 + moved / 4 + np.linspace(0, 1, THRESHOLDS)).repeat(48, axis=2).astype(np.float16),
        spectrum=normal(BANDS),
        colour=normal(14),
        names=names or tuple(map(str, range(count))),
        clusters=clusters,
        size_px=size_px,
        extractor=EXTRACTOR,
    )
