"""What people said of photos: one row for each thing they did, the undone ones too."""

from sqlalchemy import Column, Float, Index, String, Table, UniqueConstraint

from farm.ledger.schema.base import Id, metadata

review = Table(
    "review",
    metadata,
    # In the order in which the farm heard of them.
    Column("id", Id, primary_key=True),
    # The dataset's name alone: a photo that is judged once is judged in every version.
    Column("dataset", String(64), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("reviewer", String(64), nullable=False),
    # The name of the key that sent it; "" for commands on the farm's own machines.
    Column("owner", String(64), nullable=False),
    # keep, drop, or null: the reviewer took back what was said before.
    Column("label", String(8)),
    # Made up by the reviewer's device, so that sending again is no second event.
    Column("event", String(64), nullable=False),
    # The reviewer's clock, never later than the database's.
    Column("decided_at", Float(53), nullable=False),
    Column("stored_at", Float(53), nullable=False),
    UniqueConstraint("dataset", "reviewer", "event"),
    Index("ix_review_dataset", "dataset", "id"),
    sqlite_autoincrement=True,
)
