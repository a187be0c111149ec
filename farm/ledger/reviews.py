"""What people say of a dataset's photos: events that are only ever added, of which each reviewer's latest counts."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, case, func, select

from farm.ledger.connection import Database, Tx
from farm.ledger.schema import review


@dataclass(frozen=True, kw_only=True)
class ReviewEvent:
    """One thing a reviewer did. label: keep, drop, or None to take back what was said before.

    event: an id of the reviewer's own making, at most 64 characters: the same one again is the same event.
    decided_at: when, in seconds since the epoch by the reviewer's clock.
    """

    sha256: str
    label: str | None
    event: str
    decided_at: float


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What a reviewer says of a photo now: the latest event. Times in seconds since the epoch."""

    sha256: str
    reviewer: str
    label: str | None
    decided_at: float
    stored_at: float


class Reviews:
    """Part of the ledger: a transaction each. Every method may raise LedgerUnavailable."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, dataset: str, events: Sequence[ReviewEvent], *, reviewer: str, owner: str) -> int:
        """Keep events in their order; how many were new."""
        return self._db.write("review", lambda tx: add(tx, dataset, events, reviewer=reviewer, owner=owner))

    def standing(self, dataset: str) -> list[Standing]:
        """What every reviewer says now of every photo they touched, by photo and reviewer."""
        return self._db.read(lambda tx: standing(tx, dataset))

    def revision(self, dataset: str) -> int:
        """A number that grows with every event of the dataset; 0 before the first."""
        newest = select(func.max(review.c.id)).where(review.c.dataset == dataset)
        return self._db.read(lambda tx: int(tx.run(newest).scalar_one() or 0))


def add(tx: Tx, dataset: str, events: Sequence[ReviewEvent], *, reviewer: str, owner: str) -> int:
    """How many were not known; a sending beside this one of the same events may count them too.

    A clock that goes ahead is set back to the database's: else its events would outlast all later ones.
    """
    if not events:
        return 0
    said_at = bindparam("said_at", type_=review.c.decided_at.type)
    statement = tx.upsert(review).values(
        **{name: bindparam(f"given_{name}") for name in ("dataset", "reviewer", "owner", "sha256", "label", "event")},
        decided_at=case((said_at > tx.now, tx.now), else_=said_at),
        stored_at=tx.now,
    )
    ids = {each.event for each in events}
    of_them = review.c.dataset == dataset, review.c.reviewer == reviewer, review.c.event.in_(ids)
    known = int(tx.run(select(func.count()).where(*of_them)).scalar_one())
    fixed: dict[str, object] = {"given_dataset": dataset, "given_reviewer": reviewer, "given_owner": owner}
    rows = [
        fixed
        | {
            "given_sha256": each.sha256,
            "given_label": each.label,
            "given_event": each.event,
            "said_at": each.decided_at,
        }
        for each in events
    ]
    tx.run(statement.on_conflict_do_nothing(), rows)
    return len(ids) - known


def standing(tx: Tx, dataset: str) -> list[Standing]:
    """The latest event of each reviewer on each photo; of two of one moment, the one heard of later."""
    place = func.row_number().over(
        partition_by=(review.c.sha256, review.c.reviewer), order_by=(review.c.decided_at.desc(), review.c.id.desc())
    )
    ranked = select(review, place.label("place")).where(review.c.dataset == dataset).subquery()
    query = select(ranked).where(ranked.c.place == 1).order_by(ranked.c.sha256, ranked.c.reviewer)
    return [
        Standing(
            sha256=row.sha256, reviewer=row.reviewer, label=row.label, decided_at=row.decided_at,
            stored_at=row.stored_at,
        )
        for row in tx.run(query)
    ]  # fmt: skip
