"""What people say of photos."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    moment = sa.Float(precision=53)
    texts = {"dataset": 64, "sha256": 64, "reviewer": 64, "owner": 64}
    op.create_table(
        "review",
        sa.Column("id", ID, nullable=False),
        *(sa.Column(name, sa.String(length=length), nullable=False) for name, length in texts.items()),
        sa.Column("label", sa.String(length=8), nullable=True),
        sa.Column("event", sa.String(length=64), nullable=False),
        sa.Column("decided_at", moment, nullable=False),
        sa.Column("stored_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review")),
        sa.UniqueConstraint("dataset", "reviewer", "event", name=op.f("uq_review_dataset")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_review_dataset", "review", ["dataset", "id"], unique=False)
