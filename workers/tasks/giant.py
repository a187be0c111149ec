"""Giant: one picture painted by many workers. A unit is a whole small picture, a guide, a tile, or a whole file."""

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from farm.errors import InvalidInput, NotFound, OutOfMemory, Unavailable, WorkFailed
from farm.ledger import Ledger
from farm.ledger.rows import Claim, Outcome, PortraitRow
from farm.planning import recipe_of_giant
from farm.png_file import text_in_file
from farm.recipe import Recipe, canonical_json
from farm.settings import Settings
from farm.specs import GiantSpec, UpscaleSpec, parse_spec
from farm.storage import Storage, keys
from farm.tiling import GiantPlan, Phase, Place, photo_size, plan_of
from workers.cascade.cascade import Cascade
from workers.cascade.guide import guide_input_of, guide_size
from workers.cascade.memory import as_out_of_memory
from workers.cascade.pixels import Picture, add_area_sums, area_resample_rows
from workers.cascade.stage import Source, spoil
from workers.lifecycle import Assignment, words_of
from workers.photos.opening import open_photo
from workers.rendering.png import write_png
from workers.rendering.provenance import XMP, XMP_ENLARGED
from workers.rendering.tiles import Box, Preview
from workers.tasks.giant_pictures import GiantPicture
from workers.tasks.loaded import LoadedCascades
from workers.tasks.portrait_store import RENDER_CLASS
from workers.tasks.render import notes_of

_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class GiantTask:
    """The handler of giant and upscale tasks. No unit holds more than a window, a tile or a row of tiles."""

    ledger: Ledger
    storage: Storage
    cascades: LoadedCascades
    settings: Settings

    def __call__(self, assignment: Assignment) -> Outcome | None:
        """Settle units in order; those of pictures that are stored already at once.

        Raises CascadeInvalid, OutOfMemory, StorageUnavailable, WorkFailed.
        """
        claim = assignment.claim
        spec = parse_spec(dict(claim.spec))
        if not isinstance(spec, GiantSpec | UpscaleSpec):
            raise WorkFailed(f"a {claim.kind} task belongs to a {spec.kind} job")
        cascade = self.cascades.get(spec.cascade)
        work = _Work(task=self, claim=claim, spec=spec, cascade=cascade)
        assignment.begin()
        while assignment.cursor < assignment.hi and not assignment.stop:
            unit = assignment.cursor
            try:
                row, worked = work.do(unit, assignment)
            except (OutOfMemory, Unavailable):
                raise
            except Exception as error:  # recorded as this unit's failure, tried again alone
                ran_out = as_out_of_memory(error, f"unit {unit}")
                if ran_out is not None:
                    raise ran_out from error
                assignment.settle(unit, error=words_of(error))
                continue
            assignment.settle(unit, portrait=row, worked=worked)
        return None


class _Work:
    """One claim's pictures, loaded as its units come to them."""

    def __init__(self, *, task: GiantTask, claim: Claim, spec: GiantSpec | UpscaleSpec, cascade: Cascade) -> None:
        self.task, self.claim, self.spec, self.cascade = task, claim, spec, cascade
        self.config = task.ledger.cascade(spec.cascade).config
        self.seeds: Sequence[int] = spec.seed_list if isinstance(spec, GiantSpec) else (0,)
        sides = (spec.short_px or 1, spec.long_px or 1) if isinstance(spec, UpscaleSpec) else None
        self.plan = self._plan(sides)
        self._picture: GiantPicture | None = None
        self._found: dict[int, bool] = {}

    def do(self, unit: int, assignment: Assignment) -> tuple[PortraitRow | None, bool]:
        """Do one unit: the row of a portrait that is stored now, and whether there was anything to do."""
        place = self.plan.place(unit)
        if self._is_stored(place.picture):
            return None, False
        if place.phase is Phase.SOURCE:
            return None, self._source(place)
        picture = self._open(place.picture)
        if place.phase is Phase.MASTER:
            return Master(task=self.task, picture=picture, assignment=assignment, spec=self.spec).make(), True
        return None, _look(picture, place.step) if place.phase is Phase.GUIDE else _paint(picture, place)

    def _recipe(self, number: int) -> Recipe:
        return recipe_of_giant(self.spec, self.seeds[number], sizes=self.cascade.sizes_px)

    def _plan(self, photo: tuple[int, int] | None) -> GiantPlan:
        return plan_of(self.config, self._recipe(0), pictures=len(self.seeds), photo=photo)

    def _is_stored(self, number: int) -> bool:
        if number not in self._found:
            digest = self._recipe(number).digest
            found = self.task.ledger.portraits_by_recipe([digest], for_job=self.claim.job_id)
            self._found = {number: digest in found}
        return self._found[number]

    def _open(self, number: int) -> GiantPicture:
        """The picture that units other than its source go on with."""
        if self._picture is None or self._picture.number != number:
            plan = self.plan
            if isinstance(self.spec, UpscaleSpec):
                plan = self._plan(self._stored_size(number))
            self._picture = self._made(number, plan)
        return self._picture

    def _made(self, number: int, plan: GiantPlan) -> GiantPicture:
        return GiantPicture(
            storage=self.task.storage, cascade=self.cascade, job_id=self.claim.job_id, number=number,
            recipe=self._recipe(number), plan=plan,
        )  # fmt: skip

    def _stored_size(self, number: int) -> tuple[int, int]:
        key = keys.source_size(self.claim.job_id, number)
        try:
            height, width = json.loads(self.task.storage.get(key))
        except (NotFound, ValueError) as error:
            raise WorkFailed(f"{key} is missing or damaged") from error
        return height, width

    def _source(self, place: Place) -> bool:
        """All steps that one process does whole, or the photo, in tiles; and the first guide, while it is whole."""
        pixels, plan = self._pixels(place.picture)
        picture = self._made(place.picture, plan)
        if plan.steps:
            picture.put_guide(0, picture.stage_of(0).look([pixels], [picture.how(0)])[0].guide)
        for index, box in enumerate(picture.grid(0).boxes):
            picture.put_tile(0, index, np.ascontiguousarray(pixels[box.top : box.bottom, box.left : box.right]))
        if isinstance(self.spec, UpscaleSpec):
            body = canonical_json(list(plan.source))
            self.task.storage.put(keys.source_size(self.claim.job_id, place.picture), body)
        return True

    def _pixels(self, number: int) -> tuple[Picture, GiantPlan]:
        """The source, and the plan for it. Raises PhotoRefused."""
        if isinstance(self.spec, UpscaleSpec):
            settings, body = self.task.settings, self.task.storage.get(str(self.spec.photo_key))
            photo = open_photo(body, max_bytes=settings.photo_max_bytes, max_px=settings.photo_max_px).pixels
            height, width = photo.shape[:2]
            if (min(height, width), max(height, width)) != (self.spec.short_px, self.spec.long_px):
                told = f"{self.spec.long_px} x {self.spec.short_px}"
                raise WorkFailed(f"the photograph's header says {told} px, but it has {width} x {height}")
            return photo, self._plan((height, width))
        recipe, plan = self._recipe(number), self.plan
        whole = recipe.steps[: len(recipe.steps) - len(plan.steps)]
        small = replace(recipe, steps=whole, size_px=plan.source[0], resampler="none")
        return next(self.cascade.render([small])), plan


def _look(picture: GiantPicture, step: int) -> bool:
    """A guide from exact sums over tiles, one in memory at a time. False where it is there."""
    if picture.has_guide(step):
        return False
    stage, how, whole = picture.stage_of(step), picture.how(step), picture.before(step).grid.size
    cells = guide_size(*whole, stage.network.config.guide_input_px)
    sums = np.zeros((*cells, 3), dtype=np.int64)
    for box, pixels in picture.before(step).parts():
        corner = (box.top, box.left)
        add_area_sums(sums, spoil(pixels, how, corner=corner), corner=corner, whole=whole)
    small = guide_input_of(sums, pixels=whole[0] * whole[1])
    picture.put_guide(step, stage.guides([small], [how], stage.call_of(*whole))[0])
    return True


def _paint(picture: GiantPicture, place: Place) -> bool:
    """One window of a step, from the tiles under it and the stored guide. False where its tile is there."""
    step = place.step
    if picture.has_tile(step + 1, place.tile):
        return False
    window, before, how = picture.windows(step)[place.tile], picture.before(step), picture.how(step)
    corner = (window.rows.start, window.columns.start)
    part = before.part(Box(corner[0], window.rows.stop, corner[1], window.columns.stop))
    source = Source(spoil(part, how, corner=corner), picture.guide(step), how, corner=corner, whole=before.grid.size)
    (pixels,) = picture.stage_of(step).paint([(source, window)])
    picture.put_tile(step + 1, place.tile, pixels)
    return True


@dataclass(frozen=True, kw_only=True)
class Master:
    """A picture's tiles on their way into one file, a row of tiles in memory at a time."""

    task: GiantTask
    picture: GiantPicture
    assignment: Assignment
    spec: GiantSpec | UpscaleSpec

    def make(self) -> PortraitRow:
        """Write the file, store it, and the row of what is stored now. Its bytes are those of a portrait that one task
        painted."""
        recipe, cascade = self.picture.recipe, self.picture.cascade
        render_class = cascade.render_class()
        folder = self.task.settings.home / "cache"
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="master-", dir=folder) as place:
            path = Path(place) / "master.png"
            notes = {**notes_of(cascade, recipe, render_class), "recipe": recipe.text}
            preview = Preview(max(self._size()))
            with path.open("xb") as file:
                xmp = XMP_ENLARGED if recipe.photo else XMP
                write_png(file, preview.of(self._strips()), size=self._size(), text=notes, xmp=xmp)
            self.picture.put_preview(preview.picture)
            key = keys.portrait(recipe.digest, self.assignment.epoch)
            path, render_class = self._stored(key, path, render_class)
            sha256, size_bytes = _sha256(path, self.assignment.alive)
        return PortraitRow(
            recipe=recipe.digest, key=key, epoch=keys.epoch_of(key), series=recipe.series,
            latent_seed=recipe.latent_seed, noise_seed=recipe.noise_seed, sha256=sha256, size_bytes=size_bytes,
            render_class=render_class,
        )  # fmt: skip

    def _stored(self, key: str, made: Path, render_class: str) -> tuple[Path, str]:
        """What lies under the key now, as a file, and the class it was painted on: this one, or what another job had
        put there first, unless that is damaged."""
        storage, path = self.task.storage, made.with_name("stored.png")
        while not storage.put_file(key, made):
            try:
                storage.get_file(key, path)
                return path, text_in_file(path).get(RENDER_CLASS, render_class)
            except NotFound:  # a collection took it away just now
                continue
            except InvalidInput:
                storage.put_file(key, made, if_absent=False)
                break
        return made, render_class

    def _size(self) -> tuple[int, int]:
        """(height, width) of the file."""
        plan, recipe = self.picture.plan, self.picture.recipe
        if recipe.resampler == "none":
            return plan.end
        return photo_size(*plan.source, recipe.size_px) if recipe.photo else (recipe.size_px, recipe.size_px)

    def _strips(self) -> Iterator[Picture]:
        end = self.picture.before(len(self.picture.plan.steps))
        strips = _told(end.strips(), self.assignment.alive)
        height, width = self._size()
        if (height, width) == end.grid.size:
            return strips
        return area_resample_rows(strips, whole=end.grid.size, height=height, width=width)


def _told(strips: Iterator[Picture], alive: Callable[[], None]) -> Iterator[Picture]:
    for strip in strips:
        alive()
        yield strip


def _sha256(path: Path, alive: Callable[[], None]) -> tuple[str, int]:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
            alive()
        return digest.hexdigest(), file.tell()
