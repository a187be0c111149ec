"""A whole cascade at work: recipes in, portraits out, in order."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import torch

from farm.errors import InvalidInput, Problem
from farm.recipe import Recipe, Step
from workers.cascade.canonical import render_class
from workers.cascade.choosing import Told, chosen, untold
from workers.cascade.config import MAX_SIZE_PX, CascadeConfig
from workers.cascade.judging import Judge
from workers.cascade.latent_path import latents_of
from workers.cascade.pixels import Picture, area_resample
from workers.cascade.stage import BaseStage, Enlargement, UpscalerStage


class Cascade:
    """Trained stages on one device, and the digest that names them.

    A portrait is a function of its recipe: neither its neighbours in a batch, nor order, nor process changes a byte
    of it on one render class.
    """

    def __init__(
        self,
        base: BaseStage,
        upscalers: Sequence[UpscalerStage],
        *,
        config: CascadeConfig,
        digest: str,
        judge: Judge | None = None,
    ) -> None:
        self.base = base
        self.judge = judge
        self.upscalers = tuple(upscalers)
        self.config = config
        self.digest = digest

    @property
    def sizes_px(self) -> tuple[int, ...]:
        """The sides the stages leave, smallest first."""
        return self.config.sizes_px

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return self.base.device

    def render_class(self, device: torch.device | None = None) -> str:
        """Names the machines that give the same bytes as ``device`` (this cascade's own by default)."""
        return render_class(device or self.device)

    def render(self, recipes: Sequence[Recipe], *, told: Told = untold) -> Iterator[Picture]:
        """One picture a recipe, uint8 [size_px, size_px, 3], in order, each as soon as its micro-batch is done.

        ``told`` hears, before a recipe's picture comes, which of its candidates won, where it has several.

        Raises InvalidInput before the first picture when a recipe is not this cascade's, OutOfMemory when the device
        is too small.
        """
        for recipe in recipes:
            self.check(recipe)
        for chain, alike in itertools.groupby(recipes, key=lambda recipe: tuple(step.stage for step in recipe.steps)):
            yield from self._render_alike(chain, list(alike), told)

    def check(self, recipe: Recipe) -> None:
        """Raises InvalidInput naming every field in which a recipe is not one of this cascade's."""
        problems = []
        if recipe.cascade != self.digest:
            problems.append(Problem("cascade", f"this is cascade {self.digest}"))
        if not all(1 <= step.stage <= len(self.upscalers) for step in recipe.steps):
            problems.append(Problem("steps", f"this cascade has {len(self.upscalers)} upscalers, counted from 1"))
        else:
            problems += _size_problems(recipe, end_px=self.end_px(recipe.steps))
        if recipe.candidates > 1 and self.judge is None:
            problems.append(Problem("candidates", "this cascade has no judge to choose by"))
        if recipe.texture is not None and not any(upscaler.config.texture for upscaler in self.upscalers):
            problems.append(Problem("texture", "this cascade's upscalers were not taught to be told a texture"))
        if problems:
            raise InvalidInput("the recipe does not fit the cascade", problems=problems)

    def end_px(self, steps: Sequence[Step]) -> int:
        """The side a chain of steps leaves, before any reduction."""
        side = self.sizes_px[0]
        for step in steps:
            side *= self.upscalers[step.stage - 1].factor
        return side

    def _render_alike(self, chain: tuple[int, ...], recipes: Sequence[Recipe], told: Told) -> Iterator[Picture]:
        """Recipes with the same chain of stages, so that pictures of one size meet in a micro-batch."""
        pictures = self._faces(recipes, told)
        for index, stage in enumerate(chain):
            work = zip(pictures, [enlargement_of(recipe, index) for recipe in recipes], strict=True)
            pictures = self.upscalers[stage - 1].stream(work)
        for picture, recipe in zip(pictures, recipes, strict=True):
            small = recipe.resampler == "area" and picture.shape[0] != recipe.size_px
            yield area_resample(picture, height=recipe.size_px, width=recipe.size_px) if small else picture

    def _faces(self, recipes: Sequence[Recipe], told: Told) -> Iterator[Picture]:
        """The base's portraits, chosen where there are candidates."""
        for count, group in itertools.groupby(recipes, key=lambda recipe: recipe.candidates):
            alike = list(group)
            if count > 1 and self.judge is not None:
                yield from chosen(alike, count=count, base=self.base, judge=self.judge, told=told)
                continue
            psi = torch.tensor([recipe.psi for recipe in alike], dtype=torch.float32)
            yield from self.base.render(psi[:, None] * latents_of(alike, self.base.network.config.latent_dim))


def enlargement_of(recipe: Recipe, index: int) -> Enlargement:
    """What step ``index`` of a recipe's chain asks of its stage."""
    step = recipe.steps[index]
    return Enlargement(
        noise_seed=recipe.noise_seed,
        step=index,
        sigma=step.sigma,
        scale_log2=step.scale_log2,
        texture=recipe.texture,
    )


def _size_problems(recipe: Recipe, *, end_px: int) -> list[Problem]:
    if end_px > MAX_SIZE_PX:
        return [Problem("steps", f"the chain ends at {end_px} px, more than {MAX_SIZE_PX}")]
    if recipe.resampler == "none" and recipe.size_px != end_px:
        return [Problem("size_px", f"the chain ends at {end_px} px and nothing resamples it")]
    if recipe.size_px > end_px:
        return [Problem("size_px", f"the chain ends at {end_px} px; a picture is only ever reduced")]
    return []
