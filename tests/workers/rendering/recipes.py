"""Recipes, a toy generator and a toy store with known outputs."""

import hashlib
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from farm.recipe import Recipe
from workers.rendering.outcomes import StoredObject


def recipes(count: int, *, size_px: int = 16) -> list[Recipe]:
    return [Recipe(cascade="c" * 64, latent_seed=seed, noise_seed=seed, size_px=size_px) for seed in range(count)]


def picture(recipe: Recipe) -> NDArray[np.uint8]:
    """Noise that depends on the seed alone."""
    chance = np.random.default_rng(recipe.latent_seed)
    return chance.integers(0, 256, (recipe.size_px, recipe.size_px, 3), dtype=np.uint8)


@dataclass
class ToyGenerator:
    """Pictures in micro-batches of four, like a cascade's; raises `error` in a batch that holds a seed of `bad`."""

    bad: frozenset[int] = frozenset()
    error: Exception = field(default_factory=lambda: RuntimeError("not finite"))
    picture_s: float = 0.0
    batches: list[list[int]] = field(default_factory=list)

    def __call__(self, asked: Sequence[Recipe]) -> Iterator[NDArray[np.uint8]]:
        for at in range(0, len(asked), 4):
            batch = asked[at : at + 4]
            self.batches.append([recipe.latent_seed for recipe in batch])
            time.sleep(self.picture_s * len(batch))
            if self.bad & set(self.batches[-1]):
                raise self.error
            yield from map(picture, batch)


@dataclass
class ToyStore:
    """Keeps files in memory; `errors` are raised for their seeds, `put_s` is how long one upload takes."""

    put_s: float = 0.0
    errors: dict[int, Exception] = field(default_factory=dict)
    held: threading.Event = field(default_factory=threading.Event)
    files: dict[int, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.held.set()

    def __call__(self, recipe: Recipe, body: bytes) -> StoredObject:
        assert self.held.wait(30)
        time.sleep(self.put_s)
        if recipe.latent_seed in self.errors:
            raise self.errors[recipe.latent_seed]
        self.files[recipe.latent_seed] = body
        return StoredObject(
            key=f"portraits/{recipe.digest}.png", sha256=hashlib.sha256(body).hexdigest(), size_bytes=len(body)
        )
