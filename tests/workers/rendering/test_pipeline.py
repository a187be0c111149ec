"""Outcomes in order, neighbours untouched, nothing left running."""

import hashlib
import io
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from farm.errors import OutOfMemory, StorageUnavailable, WorkFailed
from farm.recipe import Recipe, read_png_text
from tests.workers.rendering.recipes import ToyGenerator, ToyStore, picture, recipes
from workers.rendering.outcomes import Failed, Outcome, Rendered, StoredObject
from workers.rendering.pipeline import Pipeline, Threads
from workers.rendering.spent import Spent


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def pipeline(render: Callable[..., Any], store: Callable[..., Any], **threads: int) -> Pipeline:
    return Pipeline(render=render, store=store, notes={"render_class": "toy"}, threads=Threads(**threads))


def run(render: Callable[..., Any], store: Callable[..., Any], count: int, **threads: int) -> list[Outcome]:
    return list(pipeline(render, store, **threads).run(recipes(count), stop=threading.Event()))


def test_every_recipe_is_stored_once_with_its_pixels_recipe_and_notes() -> None:
    store = ToyStore()
    outcomes = run(ToyGenerator(), store, 50)
    assert [outcome.index for outcome in outcomes] == list(range(50))
    for recipe, outcome in zip(recipes(50), outcomes, strict=True):
        body = store.files[recipe.latent_seed]
        assert isinstance(outcome, Rendered)
        assert (outcome.recipe, outcome.key) == (recipe.digest, f"portraits/{recipe.digest}.png")
        assert (outcome.sha256, outcome.size_bytes) == (hashlib.sha256(body).hexdigest(), len(body))
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(body))), picture(recipe))
        text = read_png_text(body)
        assert Recipe.from_json(json.loads(text["recipe"])) == recipe
        assert text["render_class"] == "toy"


def test_outcomes_come_in_order_though_uploads_end_in_any() -> None:
    class Uneven(ToyStore):
        def __call__(self, recipe: Recipe, body: bytes) -> Any:
            time.sleep(0.02 * (recipe.latent_seed % 3))
            return super().__call__(recipe, body)

    assert [outcome.index for outcome in run(ToyGenerator(), Uneven(), 30, uploads=8)] == list(range(30))


def test_no_recipe_is_no_work() -> None:
    assert run(ToyGenerator(), ToyStore(), 0) == []


@pytest.mark.parametrize("bad", [{0}, {5}, {11}, {4, 6}, {0, 11}, {3, 4}])
def test_a_failing_recipe_is_recorded_and_its_neighbours_stay(bad: set[int]) -> None:
    store = ToyStore()
    outcomes = run(ToyGenerator(bad=frozenset(bad)), store, 12)
    assert [isinstance(outcome, Failed) for outcome in outcomes] == [seed in bad for seed in range(12)]
    assert {outcome.error for outcome in outcomes if isinstance(outcome, Failed)} == {"RuntimeError: not finite"}
    assert set(store.files) == set(range(12)) - bad


def test_after_the_guilty_one_batches_go_on() -> None:
    generator = ToyGenerator(bad=frozenset({5}))
    run(generator, ToyStore(), 100)
    assert sum(len(batch) == 1 for batch in generator.batches) <= 4
    assert len(generator.batches) <= 25 + 1 + 2


def test_many_failures_in_a_row_are_the_machines_fault() -> None:
    with pytest.raises(WorkFailed, match="3 portraits in a row failed"):
        run(ToyGenerator(bad=frozenset(range(4, 40))), ToyStore(), 40)


def test_out_of_memory_ends_the_run_after_what_was_made() -> None:
    store, found = ToyStore(), []
    ran = pipeline(ToyGenerator(bad=frozenset({9}), error=OutOfMemory("8 GiB asked")), store)
    with pytest.raises(OutOfMemory, match="8 GiB"):
        for outcome in ran.run(recipes(20), stop=threading.Event()):
            found.append(outcome.index)
    assert found == list(range(8))


def test_a_generator_that_stops_too_early_is_not_taken_for_success() -> None:
    def short(asked: Sequence[Recipe]) -> Iterator[NDArray[np.uint8]]:
        return map(picture, asked[: len(asked) // 2])

    outcomes = run(short, ToyStore(), 3)
    assert [type(outcome) for outcome in outcomes] == [Rendered, Failed, Failed]


def test_a_picture_of_the_wrong_kind_fails_alone() -> None:
    def odd(asked: Sequence[Recipe]) -> Iterator[NDArray[Any]]:
        return (picture(r).astype(np.float32) if r.latent_seed == 2 else picture(r) for r in asked)

    outcomes = run(odd, ToyStore(), 4)
    assert [outcome.index for outcome in outcomes if isinstance(outcome, Failed)] == [2]


def test_a_file_the_store_refuses_for_itself_fails_alone() -> None:
    outcomes = run(ToyGenerator(), ToyStore(errors={3: ValueError("odd key")}), 8)
    assert [outcome.index for outcome in outcomes if isinstance(outcome, Failed)] == [3]


def test_a_store_that_does_not_answer_ends_the_run_without_a_gap() -> None:
    store, generator, found = ToyStore(errors={10: StorageUnavailable("disk full")}), ToyGenerator(), []
    with pytest.raises(StorageUnavailable, match="disk full"):
        for outcome in pipeline(generator, store, in_flight_bytes=1).run(recipes(500), stop=threading.Event()):
            found.append(outcome.index)
    assert found == list(range(10))
    assert len(generator.batches) < 20


def test_stop_ends_the_run_with_what_was_made() -> None:
    stop, generator = threading.Event(), ToyGenerator(picture_s=0.005)
    found = []
    for outcome in pipeline(generator, ToyStore()).run(recipes(400), stop=stop):
        found.append(outcome.index)
        if len(found) == 10:
            stop.set()
    assert found == list(range(len(found)))
    assert 10 <= len(found) < 60
    assert sum(map(len, generator.batches)) - len(found) <= 8


def test_a_lowered_end_is_not_passed() -> None:
    wanted = [400]
    found = []
    for outcome in pipeline(ToyGenerator(picture_s=0.005), ToyStore()).run(
        recipes(400), stop=threading.Event(), wanted=lambda: wanted[0]
    ):
        found.append(outcome.index)
        if len(found) == 8:
            wanted[0] = 40
    assert found == list(range(40))


def test_leaving_early_stops_the_device() -> None:
    generator = ToyGenerator(picture_s=0.005)
    outcomes = pipeline(generator, ToyStore()).run(recipes(1000), stop=threading.Event())
    assert next(iter(outcomes)).index == 0
    outcomes.close()  # type: ignore[attr-defined]
    assert sum(map(len, generator.batches)) < 100


def test_a_slow_store_holds_the_device_back_and_memory_stays_bounded() -> None:
    # Given a store that takes nothing yet
    generator, store = ToyGenerator(), ToyStore()
    store.held.clear()
    ran = pipeline(generator, store, in_flight_bytes=6 * 16 * 16 * 10)
    found: list[Outcome] = []
    collector = threading.Thread(target=lambda: found.extend(ran.run(recipes(200), stop=threading.Event())))
    # When the device runs ahead
    collector.start()
    time.sleep(0.5)
    # Then it waits at ten pictures and one micro-batch, and goes on when the store does
    assert sum(map(len, generator.batches)) <= 10 + 4
    store.held.set()
    collector.join(30)
    assert len(found) == 200
    assert ran.spent.seconds()["wait"] > 0.3


def test_the_device_does_not_wait_for_uploads() -> None:
    # 40 pictures of 5 ms and 40 uploads of 20 ms on 8 threads: one after the other would take a second
    ran = pipeline(ToyGenerator(picture_s=0.005), ToyStore(put_s=0.02), uploads=8)
    began = time.perf_counter()
    assert len(list(ran.run(recipes(40), stop=threading.Event()))) == 40
    assert time.perf_counter() - began < 0.9
    assert ran.spent.seconds()["wait"] < 0.05


def test_its_threads_know_what_the_caller_works_on() -> None:
    task: ContextVar[int] = ContextVar("task")
    seen: list[int] = []
    store = ToyStore()

    def noting(recipe: Recipe, body: bytes) -> StoredObject:
        seen.append(task.get())
        return store(recipe, body)

    for number in (31, 32):
        task.set(number)
        run(ToyGenerator(), noting, 2)
    assert seen == [31, 31, 32, 32]


def test_it_counts_where_the_time_goes() -> None:
    spent = Spent()

    def slow(recipe: Recipe, body: bytes) -> StoredObject:
        time.sleep(0.02)
        return ToyStore()(recipe, body)

    made = Pipeline(render=ToyGenerator(), store=slow, notes={"render_class": "toy"}, spent=spent)
    assert set(spent.seconds().values()) == {0.0}
    assert len(list(made.run(recipes(3), stop=threading.Event()))) == 3
    seconds = spent.seconds()
    assert seconds["upload"] >= 3 * 0.02
    assert min(seconds["device"], seconds["encode"]) > 0


def test_a_pipeline_runs_again() -> None:
    ran = pipeline(ToyGenerator(), ToyStore())
    for _ in range(3):
        assert len(list(ran.run(recipes(5), stop=threading.Event()))) == 5


def test_places_follow_the_size_of_the_pictures() -> None:
    threads = Threads(in_flight_bytes=512 << 20)
    assert threads.places(recipes(1, size_px=64)) == 256
    assert threads.places(recipes(1, size_px=1024)) == 85
    assert threads.places(recipes(1, size_px=16384)) == 2
