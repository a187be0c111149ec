"""Portraits, cascades, datasets, runs and keys."""

from collections.abc import Callable

import pytest
from sqlalchemy import update

from farm.errors import NotFound
from farm.ledger import CascadeRow, Ledger, Outcome
from farm.ledger.connection import Database
from farm.ledger.limits import Limits
from farm.ledger.schema import portrait as portrait_table
from tests.farm.ledger.acting import at, claimed, portrait, render, single, worker


@pytest.fixture(autouse=True)
def _ada(ledger: Ledger) -> None:
    ledger.register_worker(worker("ada"))


@pytest.fixture
def mark(ledger_url: str) -> Callable[[str], None]:
    """Marks a portrait for deletion, as the collector will."""

    def mark(recipe: str) -> None:
        database = Database(ledger_url, limits=Limits())
        marked = update(portrait_table).where(portrait_table.c.recipe == recipe).values(deleting=True)
        database.write("mark", lambda tx: tx.run(marked).rowcount)
        database.close()

    return mark


def store(ledger: Ledger, *recipes: str, sha256: str = "0" * 64) -> None:
    render(ledger, 0, 5)
    claim = claimed(ledger, "ada")
    rows = [portrait(recipe, sha256=sha256) for recipe in recipes]
    assert ledger.finish(claim.task_id, claim.attempt, at(claim.hi, portraits=rows)).owned


def test_the_first_stored_object_wins(ledger: Ledger) -> None:
    store(ledger, "a", sha256="1" * 64)
    store(ledger, "a", "b", sha256="2" * 64)
    found = ledger.portraits_by_recipe(["a", "b"])
    assert {recipe: row.sha256[0] for recipe, row in found.items()} == {"a": "1", "b": "2"}


def test_thousands_of_portraits_come_and_are_found_in_one_go(ledger: Ledger) -> None:
    names = [f"r{n}" for n in range(2500)]
    store(ledger, *names, "r0")
    before = ledger.statements
    assert len(ledger.portraits_by_recipe([*names, "unknown"])) == 2500
    assert ledger.statements - before <= 4


def test_a_portrait_marked_for_deletion_is_not_reused_and_taken_back_when_it_is_stored_again(
    ledger: Ledger, mark: Callable[[str], None]
) -> None:
    store(ledger, "a", "b", sha256="1" * 64)
    mark("a")
    assert set(ledger.portraits_by_recipe(["a", "b"])) == {"b"}
    store(ledger, "a", sha256="2" * 64)
    assert ledger.portraits_by_recipe(["a"])["a"].sha256 == "2" * 64


def test_looking_a_portrait_up_is_noted_once_an_hour(ledger: Ledger, clock: Callable[[], float]) -> None:
    store(ledger, "a")
    costs = []
    for ahead_s in (0, 4000, 0):
        clock.advance(ahead_s)  # type: ignore[attr-defined]
        before = ledger.statements
        ledger.portraits_by_recipe(["a"])
        costs.append(ledger.statements - before)
    assert costs[0] == costs[2] < costs[1]
    ledger.touch(["a", "unknown"])


def assemble(ledger: Ledger, name: str, digest: str) -> None:
    single(ledger)
    claim = claimed(ledger, "ada", ["cpu"])
    made = CascadeRow(digest=digest, name=name, version=0, config={"stages": [{"size_px": 64}]})
    ledger.finish(claim.task_id, claim.attempt, at(1), Outcome(cascade=made))


def test_a_cascade_gets_the_next_version_of_its_name_and_is_found_by_every_name(ledger: Ledger) -> None:
    one, two = "1" * 64, "2" * 64
    assemble(ledger, "faces", one)
    assemble(ledger, "faces", two)
    assemble(ledger, "others", one)
    assert [(c.name, c.version, c.digest) for c in ledger.cascades()] == [
        ("faces", 1, one), ("faces", 2, two), ("others", 1, one),
    ]  # fmt: skip
    assert ledger.cascade("faces").digest == two
    assert ledger.cascade("faces@1").digest == one
    assert ledger.cascade(two).name == "faces"
    assert ledger.cascade(one).config == {"stages": [{"size_px": 64}]}
    assert len(ledger.cascades("others")) == 1


def test_the_same_weights_under_the_same_name_are_the_same_version(ledger: Ledger) -> None:
    for _ in range(2):
        assemble(ledger, "faces", "1" * 64)
    assert [c.version for c in ledger.cascades()] == [1]


@pytest.mark.parametrize("ref", ["none", "none@1", "faces@2", "faces@x", "faces@", "f" * 64])
def test_a_cascade_that_is_not_there_is_not_found(ledger: Ledger, ref: str) -> None:
    assemble(ledger, "faces", "1" * 64)
    with pytest.raises(NotFound):
        ledger.cascade(ref)


def test_what_is_not_there_is_not_found(ledger: Ledger) -> None:
    for look in (
        lambda: ledger.dataset("none"),
        lambda: ledger.dataset("none", 3),
        lambda: ledger.run("none"),
        lambda: ledger.get_job(7),
    ):
        with pytest.raises(NotFound):
            look()
    assert ledger.last_slice("none") is None
    assert ledger.slices("none") == []
