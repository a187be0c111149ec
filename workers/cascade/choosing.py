"""A choice among candidates: a seed stands for several latents, and the base's judge says which of them goes on.

After Tyka, "Portraits of imaginary people" (2017), who kept of many generated faces those that the discriminator rated
best. Only the base's time is spent on the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence

import torch

from farm.recipe import SEED_LIMIT, Recipe, canonical_json
from workers.cascade.judging import Judge
from workers.cascade.noise import latents
from workers.cascade.pixels import Picture
from workers.cascade.stage import BaseStage, batched

Told = Callable[[Recipe, int], None]
"""Hears which of a recipe's candidates won, 0 … candidates - 1."""


def untold(recipe: Recipe, candidate: int) -> None:
    """Tells nobody."""


def candidate_seeds(seed: int, count: int) -> list[int]:
    """The latent seeds a seed stands for: itself first, so that more candidates are never worse to the judge."""
    drawn = (hashlib.sha256(canonical_json(["candidate", str(seed), k])).digest() for k in range(1, count))
    return [seed, *(int.from_bytes(digest[:8], "big") % SEED_LIMIT for digest in drawn)]


def chosen(recipes: Sequence[Recipe], *, count: int, base: BaseStage, judge: Judge, told: Told) -> Iterator[Picture]:
    """The base's portrait of each recipe, in order: of its `count` candidates the one of the highest score.

    Ties go to the lower number. Which of them wins depends on the recipe and the render class alone, as pixels do.
    """
    for group in batched(recipes, max(1, judge.config.call.micro_batch // count)):
        seeds = [seed for recipe in group for seed in candidate_seeds(recipe.latent_seed, count)]
        psi = torch.tensor([recipe.psi for recipe in group], dtype=torch.float32).repeat_interleave(count)
        pictures = list(base.render(psi[:, None] * latents(seeds, base.network.config.latent_dim)))
        scores = list(judge.scores(pictures))
        for index, recipe in enumerate(group):
            own = scores[index * count : (index + 1) * count]
            best = own.index(max(own))
            told(recipe, best)
            yield pictures[index * count + best]
