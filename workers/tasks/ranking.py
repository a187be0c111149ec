"""Rank: stored portraits read again one after another, scored, and put in order. Nothing is painted."""

import io
import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from farm.errors import InvalidInput, NotFound, WorkFailed
from farm.ledger import Ledger
from farm.ledger.rows import Outcome, PortraitRow
from farm.planning import recipe_for
from farm.recipe import canonical_json
from farm.specs import Rank, RankSpec, RenderSpec, parse_seeds, parse_spec
from farm.storage import Storage, keys
from workers.cascade.cascade import Cascade
from workers.cascade.pixels import Picture, area_resample
from workers.cascade.stage import batched
from workers.lifecycle import Assignment
from workers.rendering.contact_sheet import MAX_TILES, Tile, contact_sheet
from workers.rendering.scoring import feature, order, quality, sharpness
from workers.tasks.claimed import spec_of
from workers.tasks.loaded import LoadedCascades

AT_ONCE = 64
"""Portraits whose pixels are held at once."""
READERS = 8
TOLD = 100
"""So many of those left out are named."""
Left = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class RankTask:
    """The handler of rank tasks: one unit."""

    ledger: Ledger
    storage: Storage
    cascades: LoadedCascades

    def __call__(self, assignment: Assignment) -> Outcome | None:
        """Raises CascadeInvalid, OutOfMemory, StorageUnavailable, WorkFailed."""
        spec = spec_of(assignment.claim, RankSpec)
        job = self.ledger.get_job(spec.job)
        ranked = parse_spec(job.spec)
        if not isinstance(ranked, RenderSpec) or spec.rank is None:
            raise WorkFailed(f"job {job.id} is a {job.kind} job: it has no portraits to rank")
        asked = Asked(spec=ranked, job=job.id, rank=spec.rank, best=spec.best)
        reading = Reading(ledger=self.ledger, storage=self.storage, cascade=self.cascades.get(ranked.cascade))
        return rank_unit(assignment, asked, reading, sheet=True)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is ranked: the portraits of a render job's spec, of which `best` should not look alike."""

    spec: RenderSpec
    job: int
    rank: Rank
    best: int


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Where portraits come from, and what judges them."""

    ledger: Ledger
    storage: Storage
    cascade: Cascade


def rank_unit(assignment: Assignment, asked: Asked, reading: Reading, *, sheet: bool = False) -> Outcome | None:
    """Settle the assignment's one unit with a ranking, kept under this attempt's own key; with a `sheet` of the best.

    The same stored portraits give the same ranking on one render class. Where none is stored the unit fails.
    """
    assignment.begin()
    scores = _Scores()
    for _ in scores.gathered(asked, reading):
        assignment.alive()
        if assignment.stop:
            return None
    if not scores.seeds:
        assignment.settle(assignment.cursor, error="no portrait that could be ranked is stored")
        return None
    told = _told(scores, asked, reading, assignment)
    body = canonical_json(told)
    key = keys.ranking(assignment.claim.job_id, assignment.claim.attempt)
    if not assignment.may_write:
        return None
    reading.storage.put(key, body, if_absent=False)
    if sheet:
        seeds = [int(row["seed"]) for row in told["rows"][: min(told["best"], MAX_TILES)]]
        tiles = sheet_tiles(asked.spec, seeds, reading)
        reading.storage.put(keys.contact_sheet(assignment.claim.job_id), contact_sheet(tiles), if_absent=False)
    assignment.settle(assignment.cursor)
    return Outcome(output={"ranking": key})


def sheet_tiles(spec: RenderSpec, seeds: Sequence[int], reading: Reading) -> Iterator[Tile]:
    """Portraits in that order for a contact sheet: their place and seed, and their files."""
    sizes = reading.cascade.sizes_px
    recipes = [recipe_for(spec, seed, sizes=sizes).digest for seed in seeds]
    rows = reading.ledger.portraits_by_recipe(recipes)
    for place, (seed, recipe) in enumerate(zip(seeds, recipes, strict=True), start=1):
        picture = _read(rows.get(recipe), reading.storage)
        yield Tile(label=f"{place}: {seed}", picture=None if isinstance(picture, str) else picture)


@dataclass
class _Scores:
    """What was found of each portrait, in order of seeds: some 300 bytes a portrait, whatever its size."""

    seeds: list[int] = field(default_factory=list)
    judge: list[float] = field(default_factory=list)
    sharp: list[float] = field(default_factory=list)
    features: list[NDArray[np.uint8]] = field(default_factory=list)
    left_out: list[Left] = field(default_factory=list)
    left_out_count: int = 0

    def gathered(self, asked: Asked, reading: Reading) -> Iterator[None]:
        """Reads and scores every stored portrait; comes back after each group of them."""
        base_px, sizes = reading.cascade.sizes_px[0], reading.cascade.sizes_px
        seeds = (seed for each in parse_seeds(asked.spec.seeds) for seed in range(each.lo, each.hi))
        with ThreadPoolExecutor(READERS, thread_name_prefix="read") as readers:
            for group in batched(seeds, AT_ONCE):
                recipes = [recipe_for(asked.spec, seed, sizes=sizes).digest for seed in group]
                rows = reading.ledger.portraits_by_recipe(recipes)
                found = list(readers.map(lambda row: _read(row, reading.storage), map(rows.get, recipes)))
                pictures = [self._kept(seed, picture) for seed, picture in zip(group, found, strict=True)]
                self._score([picture for picture in pictures if picture is not None], reading.cascade, base_px)
                yield

    def _kept(self, seed: int, found: Picture | str) -> Picture | None:
        if isinstance(found, str):
            self.left_out_count += 1
            self.left_out += [{"seed": str(seed), "why": found}] if len(self.left_out) < TOLD else []
            return None
        self.seeds.append(seed)
        return found

    def _score(self, pictures: Sequence[Picture], cascade: Cascade, base_px: int) -> None:
        self.sharp += [round(sharpness(picture), 3) for picture in pictures]
        self.features += [feature(picture) for picture in pictures]
        if cascade.judge is not None:
            small = (area_resample(picture, height=base_px, width=base_px) for picture in pictures)
            self.judge += [round(score, 5) for score in cascade.judge.scores(small)]


def _read(row: PortraitRow | None, storage: Storage) -> Picture | str:
    """A stored portrait's pixels, or why there are none."""
    if row is None:
        return "it is not stored"
    try:
        with Image.open(io.BytesIO(storage.get(row.key)), formats=["PNG"]) as opened:
            if opened.mode != "RGB" or opened.width != opened.height:
                raise InvalidInput(f"it holds {opened.width} x {opened.height} {opened.mode} pixels")
            pixels: Picture = np.asarray(opened)
            return pixels
    except NotFound:
        return f"there is no object {row.key}"
    except (InvalidInput, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return f"its file is damaged: {' '.join(str(error).split())[:200]}"


def _told(scores: _Scores, asked: Asked, reading: Reading, assignment: Assignment) -> dict[str, Any]:
    judge, sharp = np.array(scores.judge), np.array(scores.sharp)
    worth = quality(asked.rank, judge=judge if scores.judge else None, sharp=sharp)
    indices, apart = order(worth, np.stack(scores.features), count=asked.best, alive=assignment.alive)
    rows = [
        {
            "seed": str(scores.seeds[index]),
            "judge": scores.judge[index] if scores.judge else None,
            "sharpness": scores.sharp[index],
            "quality": round(float(worth[index]), 6),
            "apart": round(levels, 2) if levels is not None and levels != float("inf") else None,
        }
        for index, levels in itertools.zip_longest(indices, apart)
    ]
    return {
        "version": 1,
        "job": asked.job,
        "rank": asked.rank,
        "judged": bool(scores.judge),
        "size_px": asked.spec.size_px,
        "render_class": reading.cascade.render_class(),
        "best": min(asked.best, len(rows)),
        "left_out": scores.left_out,
        "left_out_count": scores.left_out_count,
        "rows": rows,
    }
