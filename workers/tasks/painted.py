"""Portraits of the sides of an evaluation: painted by a cascade or a run's checkpoint, or read from a job's files."""

import functools
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from PIL import Image

from farm.errors import InvalidInput, NotFound, WorkFailed
from farm.ledger import Ledger
from farm.ledger.rows import PortraitRow
from farm.planning import recipe_for, sizes_px
from farm.recipe import Recipe
from farm.specs import Evaluation, RenderSpec, parse_seeds, parse_spec
from farm.specs.evaluation import Source
from farm.specs.seeds import nth_seed
from farm.storage import Storage
from workers.cascade.cascade import Cascade
from workers.cascade.pixels import Picture, area_resample
from workers.cascade.stage import Enlargement, UpscalerStage
from workers.tasks.evaluation_photos import Chosen, frames, identity_of
from workers.tasks.loaded import LoadedCascades
from workers.tasks.loaded_runs import LoadedRuns
from workers.tasks.upscaler_checks import Enlarged, enlarged, last_step
from workers.training.data import area_reduced


class Side(Protocol):
    """Portraits by their place, from 0."""

    def identity(self, lo: int, hi: int) -> Any:
        """What decides the pixels of portraits lo … hi - 1, as plain JSON."""

    def names(self, lo: int, hi: int) -> tuple[str, ...]:
        """Seeds, or of enlarged photographs their sha256. Fewer than hi - lo where there are no more."""

    def pictures(self, lo: int, hi: int) -> Iterator[Picture]:
        """uint8 [size_px, size_px, 3] each, in order."""

    @property
    def upscaled(self) -> bool:
        """Whether `enlarged` has something to show."""

    def enlarged(self, lo: int, hi: int) -> Iterator[Enlarged]:
        """The last enlargement of each, to be checked."""


@dataclass(frozen=True, kw_only=True)
class Sides:
    """Makes sides from sources; what was loaded last stays."""

    ledger: Ledger
    storage: Storage
    cascades: LoadedCascades
    runs: LoadedRuns

    def side(self, source: Source, spec: Evaluation, photos: Chosen) -> Side:
        """The portraits of a resolved evaluation's source. Raises NotFound where its job is gone."""
        size_px = int(spec.size_px or source.own_px)
        if source.kind == "job":
            return StoredSide(ledger=self.ledger, storage=self.storage, source=source, size_px=size_px)
        if source.input_px is not None:
            load = functools.partial(self.runs.upscaler, source)
            return EnlargedSide(photos=photos, storage=self.storage, load=load, source=source, size_px=size_px)
        from_run = functools.partial(self.runs.base, source)
        painter = functools.partial(self.cascades.get, source.digest) if source.kind == "cascade" else from_run
        sizes = sizes_px(self.ledger.cascade(source.digest).config) if source.kind == "cascade" else (source.own_px,)
        return PaintedSide(load=painter, source=source, psi=spec.psi, size_px=size_px, upscaled=size_px > sizes[0])


@dataclass(frozen=True, kw_only=True)
class PaintedSide:
    """Portraits of one seed after the other, of a cascade or of a base's checkpoint. Loaded when first needed."""

    load: Any
    source: Source
    psi: float
    size_px: int
    upscaled: bool

    def identity(self, lo: int, hi: int) -> Any:
        """Stage weights, seeds and truncation."""
        seeds = [self.source.seed + lo, self.source.seed + hi]
        return {self.source.kind: self.source.digest, "psi": self.psi, "seeds": seeds}

    def names(self, lo: int, hi: int) -> tuple[str, ...]:
        """Seeds."""
        return tuple(str(self.source.seed + place) for place in range(lo, hi))

    def pictures(self, lo: int, hi: int) -> Iterator[Picture]:
        """Painted now."""
        cascade: Cascade = self.load()
        return cascade.render(self._recipes(cascade, lo, hi))

    def enlarged(self, lo: int, hi: int) -> Iterator[Enlarged]:
        """The last step of each portrait's chain."""
        cascade: Cascade = self.load()
        return (last_step(cascade, recipe) for recipe in self._recipes(cascade, lo, hi))

    def _recipes(self, cascade: Cascade, lo: int, hi: int) -> list[Recipe]:
        seeds = range(self.source.seed + lo, self.source.seed + hi)
        asked = {"kind": "render", "cascade": cascade.digest, "size_px": self.size_px, "psi": self.psi}
        spec = parse_spec({**asked, "seeds": str(seeds.start)})
        if not isinstance(spec, RenderSpec):
            raise WorkFailed("portraits are painted by render specs")
        return [recipe_for(spec, seed, sizes=cascade.sizes_px) for seed in seeds]


@dataclass(frozen=True, kw_only=True)
class EnlargedSide:
    """Photographs made small and enlarged again by an upscaler: beside each the photograph itself is known."""

    photos: Chosen
    storage: Storage
    load: Any
    source: Source
    size_px: int
    upscaled: bool = True

    def identity(self, lo: int, hi: int) -> Any:
        """The checkpoint and the photographs."""
        return {"run": self.source.digest, "from": lo, "photos": identity_of(self.photos.photos[lo:hi])}

    def names(self, lo: int, hi: int) -> tuple[str, ...]:
        """The photographs' sha256."""
        return tuple(photo.sha256 for photo in self.photos.photos[lo:hi])

    def pictures(self, lo: int, hi: int) -> Iterator[Picture]:
        """Enlarged now; the place of a photo is its noise's seed."""
        upscaler: UpscalerStage = self.load()
        return (_reduced(large, self.size_px) for large in upscaler.stream(self._small(upscaler, lo, hi)))

    def enlarged(self, lo: int, hi: int) -> Iterator[Enlarged]:
        """The photographs enlarged, and moved by a pixel."""
        upscaler: UpscalerStage = self.load()
        return (enlarged(upscaler, small, how) for small, how in self._small(upscaler, lo, hi))

    def _small(self, upscaler: UpscalerStage, lo: int, hi: int) -> Iterator[tuple[Picture, Enlargement]]:
        small_px = self.source.own_px // upscaler.factor
        for place, frame in enumerate(frames(self.photos.photos[lo:hi], self.storage), start=lo):
            yield area_reduced(frame, small_px), Enlargement(noise_seed=place, step=0)


@dataclass(frozen=True, kw_only=True)
class StoredSide:
    """The stored portraits of a render job, in order of seeds. Nothing is painted."""

    ledger: Ledger
    storage: Storage
    source: Source
    size_px: int
    upscaled: bool = False

    def identity(self, lo: int, hi: int) -> Any:
        """Recipes, and the bytes that are stored for them."""
        return {"stored": [[row.recipe, row.sha256] for row in self._rows(lo, hi)]}

    def names(self, lo: int, hi: int) -> tuple[str, ...]:
        """Seeds."""
        return tuple(str(seed) for seed, _ in self._recipes(lo, hi))

    def pictures(self, lo: int, hi: int) -> Iterator[Picture]:
        """Read from their files; each must hold the bytes that the ledger knows."""
        for (seed, _), row in zip(self._recipes(lo, hi), self._rows(lo, hi), strict=True):
            yield _reduced(self._read(seed, row), self.size_px)

    def enlarged(self, lo: int, hi: int) -> Iterator[Enlarged]:
        """Raises WorkFailed: what was painted once has no input any more."""
        raise WorkFailed(f"portraits {lo} to {hi - 1} of job {self.source.job} are stored without what they come from")

    @functools.cached_property
    def _spec(self) -> RenderSpec:
        job = self.ledger.get_job(int(self.source.job or 0))
        spec = parse_spec(job.spec)
        if not isinstance(spec, RenderSpec):
            raise WorkFailed(f"job {job.id} is a {job.kind} job: it has no portraits")
        return spec

    @functools.cached_property
    def _sizes(self) -> tuple[int, ...]:
        return sizes_px(self.ledger.cascade(self._spec.cascade).config)

    def _recipes(self, lo: int, hi: int) -> list[tuple[int, Recipe]]:
        ranges = parse_seeds(self._spec.seeds)
        seeds = [nth_seed(ranges, place) for place in range(lo, min(hi, sum(map(len, ranges))))]
        return [(seed, recipe_for(self._spec, seed, sizes=self._sizes)) for seed in seeds]

    def _rows(self, lo: int, hi: int) -> list[PortraitRow]:
        recipes = self._recipes(lo, hi)
        rows = self.ledger.portraits_by_recipe([recipe.digest for _, recipe in recipes])
        missing = [seed for seed, recipe in recipes if recipe.digest not in rows]
        if missing:
            told = f"job {self.source.job}: the portrait of seed {missing[0]} is not stored; "
            raise InvalidInput(told + f"`farm retry {self.source.job}` paints what failed, or evaluate fewer portraits")
        return [rows[recipe.digest] for _, recipe in recipes]

    def _read(self, seed: int, row: PortraitRow) -> Picture:
        where = f"job {self.source.job}: the portrait of seed {seed}"
        try:
            body = self.storage.get(row.key)
        except NotFound as error:
            raise InvalidInput(f"{where} is gone, there is no {row.key}; render it again") from error
        if hashlib.sha256(body).hexdigest() != row.sha256:
            raise InvalidInput(f"{where} is damaged: {row.key} has other bytes; `farm verify {self.source.job}` looks")
        try:
            with Image.open(io.BytesIO(body), formats=["PNG"]) as opened:
                pixels: Picture = np.asarray(opened.convert("RGB"))
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise InvalidInput(f"{where} is damaged: {' '.join(str(error).split())[:200]}") from error
        if pixels.shape[:2] != (self.source.own_px, self.source.own_px):
            found = f"{pixels.shape[1]} x {pixels.shape[0]}"
            raise InvalidInput(f"{where} has {found} px, not {self.source.own_px} px")
        return pixels


def _reduced(picture: Picture, size_px: int) -> Picture:
    same = picture.shape[0] == size_px
    return picture if same else area_resample(picture, height=size_px, width=size_px)
