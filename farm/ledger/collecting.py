"""Unused portraits: which go, the mark, the forgetting. Why no order of steps can go wrong: farm/ledger/epochs.py."""

from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, case, delete, exists, func, insert, literal, or_, select, update

from farm.ledger.accounts import give_back
from farm.ledger.connection import Tx
from farm.ledger.epochs import as_collection, epoch_now
from farm.ledger.heaps import Doomed, Heap, Marked
from farm.ledger.schema import collection, job, job_portrait, job_range, portrait
from farm.ledger.states import JobState

PAGE = 1000
"""Rows looked at by one transaction, so that none holds others up for long."""


class Standing(StrEnum):
    """Why a portrait stays or goes; the first that holds counts."""

    MARKED = "marked"
    """A collection marked it and did not come to its end: the next one finishes it."""
    STARRED = "starred"
    """A person wants it kept."""
    COVERED = "covered"
    """A job that is not deleted asks for it."""
    UNKNOWN = "unknown"
    """From before portraits said their series, and not worked out: it stays."""
    FRESH = "fresh"
    """It was of use within the grace period, or put since the last collection began."""
    UNUSED = "unused"
    """It goes."""


def survey(tx: Tx, *, grace_s: float) -> dict[Standing, Heap]:
    """How many portraits stand how, nothing changed. Every standing is in it."""
    of = (portrait.c.size_bytes, portrait.c.last_used_at)
    each = select(standing(unused_for(tx, grace_s)).label("standing"), *of).subquery()
    size, old = func.sum(each.c.size_bytes).label("size"), func.min(each.c.last_used_at).label("old")
    rows = tx.run(select(each.c.standing, func.count().label("many"), size, old).group_by(each.c.standing))
    found = {row.standing: Heap(row.many, int(row.size), row.old) for row in rows}
    return {each: found.get(each.value, Heap()) for each in Standing}


def begin(tx: Tx) -> int:
    """A new collection; its number is the new epoch, in which no row of an object put before comes in any more."""
    as_collection(tx)
    row = {"started_at": tx.now, "portraits": 0, "size_bytes": 0}
    return int(tx.run(insert(collection).values(**row).returning(collection.c.id)).scalar_one())


def mark(tx: Tx, *, after: str, grace_s: float) -> Marked | None:
    """Marks what goes of the next page of recipes behind `after`; None behind the last one.

    A mark is never taken back: only a portrait put anew, under another key, takes the row over.
    """
    as_collection(tx)
    page = select(portrait.c.recipe).where(portrait.c.recipe > after).order_by(portrait.c.recipe).limit(PAGE)
    last = tx.run(select(func.max(page.subquery().c.recipe))).scalar_one()
    if last is None:
        return None
    here = (portrait.c.recipe > after, portrait.c.recipe <= last)
    earlier = portrait.c.epoch < epoch_now().element
    goes = standing(and_(earlier, unused_for(tx, grace_s))) == Standing.UNUSED.value
    owned = (portrait.c.owner, portrait.c.size_bytes)
    sizes: Counter[str] = Counter()
    for row in tx.run(update(portrait).where(*here, goes).values(deleting=True).returning(*owned)):
        if row.owner is not None:
            sizes[row.owner] += row.size_bytes
    give_back(tx, sizes)
    columns = (portrait.c.recipe, portrait.c.key, portrait.c.size_bytes)
    rows = tx.run(select(*columns).where(*here, portrait.c.deleting).order_by(portrait.c.recipe))
    return Marked(last=last, doomed=tuple(Doomed(row.recipe, row.key, row.size_bytes) for row in rows))


def forget(tx: Tx, gone: Sequence[Doomed]) -> int:
    """Drops the marked rows of objects that were deleted; one that was taken over meanwhile stays. Returns how many."""
    names, places = [each.recipe for each in gone], [each.key for each in gone]
    ours = (portrait.c.recipe.in_(names), portrait.c.key.in_(places), portrait.c.deleting)
    return tx.run(delete(portrait).where(*ours)).rowcount


def end(tx: Tx, number: int, removed: Heap) -> None:
    """Notes what a collection came to."""
    values = {"ended_at": tx.now, "portraits": removed.count, "size_bytes": removed.size_bytes}
    tx.run(update(collection).where(collection.c.id == number).values(**values))


def named(tx: Tx, recipes: Sequence[str]) -> set[str]:
    """The keys that rows of these recipes name, marked ones included."""
    return set(tx.run(select(portrait.c.key).where(portrait.c.recipe.in_(recipes))).scalars())


def star(tx: Tx, recipe: str, *, starred: bool) -> bool:
    """Keeps a portrait from every collection, or no longer. False where no row of it stands."""
    values = {"starred_at": tx.now if starred else None}
    return (
        tx.run(update(portrait).where(portrait.c.recipe == recipe, ~portrait.c.deleting).values(**values)).rowcount == 1
    )


def unused_for(tx: Tx, grace_s: float) -> ColumnElement[bool]:
    """SQL: the portrait was of no use for so long."""
    return portrait.c.last_used_at <= tx.now - grace_s


def standing(unused: ColumnElement[bool]) -> ColumnElement[Any]:
    """SQL: how a row of `portrait` stands, as a word of `Standing`."""
    return case(
        (portrait.c.deleting, literal(Standing.MARKED.value)),
        (portrait.c.starred_at.is_not(None), literal(Standing.STARRED.value)),
        (portrait.c.series.is_(None), literal(Standing.UNKNOWN.value)),
        (_is_covered(), literal(Standing.COVERED.value)),
        (unused, literal(Standing.UNUSED.value)),
        else_=literal(Standing.FRESH.value),
    )


def _is_covered() -> ColumnElement[bool]:
    """SQL: some job that is not deleted asks for this portrait, by its seeds or by its recipe."""
    named = (
        exists()
        .where(
            job_portrait.c.recipe == portrait.c.recipe,
            job.c.id == job_portrait.c.job_id,
            job.c.state != JobState.DELETED.value,
        )
        .correlate(portrait)
    )
    own = and_(job.c.noise_seed.is_(None), portrait.c.noise_seed == portrait.c.latent_seed)
    by_seed = (
        exists()
        .where(
            job.c.series == portrait.c.series,
            job.c.state != JobState.DELETED.value,
            or_(own, job.c.noise_seed == portrait.c.noise_seed),
            job_range.c.job_id == job.c.id,
            job_range.c.lo <= portrait.c.latent_seed,
            job_range.c.hi > portrait.c.latent_seed,
        )
        .correlate(portrait)
    )
    return or_(by_seed, named)
