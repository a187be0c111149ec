"""Which recipes are stored, and as what."""

from collections.abc import Iterator, Sequence

from sqlalchemy import select, update

from farm.ledger.connection import Tx
from farm.ledger.epochs import beside_collections
from farm.ledger.rows import PortraitRow
from farm.ledger.schema import job_portrait, portrait

BATCH = 1024
"""Rows a statement, below every driver's limit of parameters."""
TOUCH_S = 3600.0
"""`last_used_at` is this coarse: looking a portrait up twice in an hour writes once."""


def keep_portraits(tx: Tx, rows: Sequence[PortraitRow], *, worker: str | None, owner: str) -> list[int]:
    """Inserts rows of objects put in this epoch; the first one wins, and takes the place of a row that is marked.

    Returns the bytes of each portrait that was not there before. `owner`: the name of keys whose quota they count in.

    The caller holds `beside_collections`. A marked row's object has the key of an earlier epoch, so that what deletes
    it does not touch the new one.
    """
    # In one order everywhere: two beats that store the same portraits wait for each other instead of deadlocking.
    stored: list[int] = []
    unique = sorted({row.recipe: row for row in rows}.values(), key=lambda row: row.recipe)
    for some in _in_powers_of_two(unique):
        values = [
            {
                "recipe": row.recipe, "key": row.key, "sha256": row.sha256, "size_bytes": row.size_bytes,
                "render_class": row.render_class, "worker": worker, "deleting": False, "epoch": row.epoch,
                "series": row.series, "latent_seed": row.latent_seed, "noise_seed": row.noise_seed,
                "owner": owner,
            }
            for row in some
        ]  # fmt: skip
        statement = tx.upsert(portrait).values(created_at=tx.now, last_used_at=tx.now)
        fresh = {name: statement.excluded[name] for name in (column.name for column in portrait.c) if name != "recipe"}
        statement = statement.on_conflict_do_update(
            index_elements=["recipe"], set_=fresh, where=portrait.c.deleting.is_(True)
        )
        stored += tx.run(statement.returning(portrait.c.size_bytes), values).scalars()
    return stored


def portraits_by_recipe(tx: Tx, recipes: Sequence[str]) -> tuple[dict[str, PortraitRow], list[str]]:
    """The stored ones of these recipes, and which of them were not touched within the hour.

    A row marked for deletion is not offered for reuse.
    """
    found: dict[str, PortraitRow] = {}
    stale: list[str] = []
    is_stale = (portrait.c.last_used_at < tx.now - TOUCH_S).label("is_stale")
    for start in range(0, len(recipes), BATCH):
        some = _to_power_of_two(recipes[start : start + BATCH])
        for row in tx.run(select(portrait, is_stale).where(portrait.c.recipe.in_(some), ~portrait.c.deleting)):
            found[row.recipe] = PortraitRow(
                recipe=row.recipe, key=row.key, sha256=row.sha256, size_bytes=row.size_bytes,
                render_class=row.render_class, epoch=row.epoch, starred=row.starred_at is not None,
            )  # fmt: skip
            stale += [row.recipe] if row.is_stale else []
    return found, stale


def cover(tx: Tx, job_id: int, recipes: Sequence[str]) -> None:
    """From now on the job covers these recipes: no collection takes their portraits before the job is deleted."""
    beside_collections(tx)
    unique = sorted(set(recipes))
    for start in range(0, len(unique), BATCH):
        values = [{"job_id": job_id, "recipe": recipe} for recipe in unique[start : start + BATCH]]
        tx.run(tx.upsert(job_portrait).on_conflict_do_nothing(), values)


def touch(tx: Tx, recipes: Sequence[str]) -> None:
    """Notes that these portraits were of use just now."""
    for start in range(0, len(recipes), BATCH):
        some = _to_power_of_two(sorted(recipes[start : start + BATCH]))
        tx.run(update(portrait).where(portrait.c.recipe.in_(some)).values(last_used_at=tx.now))


def _in_powers_of_two(rows: Sequence[PortraitRow]) -> Iterator[Sequence[PortraitRow]]:
    """All rows, in pieces of few lengths: a statement of each length is prepared once and kept by every connection,
    and one of a thousand rows is a megabyte. Beats bring any number of rows."""
    start = 0
    while start < len(rows):
        size = min(BATCH, 1 << ((len(rows) - start).bit_length() - 1))
        yield rows[start : start + size]
        start += size


def _to_power_of_two(recipes: Sequence[str]) -> list[str]:
    """For an IN: the last one is repeated up to the next power of two, for the same reason."""
    return [*recipes, *[recipes[-1]] * ((1 << (len(recipes) - 1).bit_length()) - len(recipes))]
