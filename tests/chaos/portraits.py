"""What chaos tests ask of portraits: two people submit, something breaks, and each is there once and right."""

import hashlib
import itertools
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from farm.ledger import Job, JobState
from farm.planning import recipe_for
from farm.recipe import Recipe, read_png_text
from farm.specs import RenderSpec
from farm.storage import keys
from tests.chaos.yard import Yard
from workers.cascade.cascade import Cascade
from workers.rendering.png import encode_png

SIZE_PX = 128
_fresh = itertools.count(0, 100_000)


@dataclass(frozen=True)
class Order:
    """Jobs over fresh seeds: as `order` places them, two sent through the API by two submitters at once."""

    job_ids: tuple[int, ...]
    seeds: tuple[range, ...]

    @property
    def units(self) -> int:
        return sum(map(len, self.seeds))


def fresh_start() -> int:
    """The first of seeds that no other order of this session has."""
    return next(_fresh)


def order(yard: Yard, each: int = 60) -> Order:
    """Two submitters send a job of `each` seeds to the API, and send it again until it is taken."""
    start = fresh_start()
    seeds = (range(start, start + each), range(start + each, start + 2 * each))
    ids: dict[int, int] = {}

    def submit(index: int) -> None:
        body = {
            "kind": "render",
            "cascade": "tiny",
            "seeds": f"{seeds[index].start}..{seeds[index].stop - 1}",
            "size_px": SIZE_PX,
        }
        ids[index] = int(str(yard.post("/v1/jobs", body, idem_key=f"order-{seeds[index].start}")["id"]))

    submitters = [threading.Thread(target=submit, args=(index,)) for index in (0, 1)]
    for submitter in submitters:
        submitter.start()
    for submitter in submitters:
        submitter.join(120)
    return Order((ids[0], ids[1]), seeds)


def check_everything_is_there(yard: Yard, done: Order, cascade: Cascade, *, every: int = 10) -> list[Job]:
    """Each seed has one stored file that is its row's and its recipe's; every `every`-th is rendered again here."""
    jobs = yard.wait_until_ended(*done.job_ids)
    for job, seeds in zip(jobs, done.seeds, strict=True):
        assert job.state is JobState.DONE, yard.report(job.id)
        assert (job.done, job.failed) == (len(seeds), 0)
        recipes = [recipe_for(_spec(job), seed, sizes=cascade.sizes_px) for seed in seeds]
        _check_stored(yard, recipes)
        _check_right(yard, recipes[::every], cascade)
        assert yard.storage.head(keys.contact_sheet(job.id)) is not None
    return jobs


def _spec(job: Job) -> RenderSpec:
    return RenderSpec.model_validate(dict(job.spec))


def _check_stored(yard: Yard, recipes: Sequence[Recipe]) -> None:
    rows = yard.ledger.portraits_by_recipe([recipe.digest for recipe in recipes])
    for recipe in recipes:
        row = rows[recipe.digest]
        body = yard.storage.get(row.key)
        assert hashlib.sha256(body).hexdigest() == row.sha256
        assert len(body) == row.size_bytes
        assert read_png_text(body)["recipe"] == recipe.text


def _check_right(yard: Yard, recipes: Sequence[Recipe], cascade: Cascade) -> None:
    """The stored file is byte for byte what one undisturbed process makes of the recipe."""
    for recipe, picture in zip(recipes, cascade.render(recipes), strict=True):
        body = yard.storage.get(keys.portrait(recipe.digest))
        text = {name: value for name, value in read_png_text(body).items() if not name.startswith("XML")}
        assert encode_png(np.ascontiguousarray(picture), text=text) == body
