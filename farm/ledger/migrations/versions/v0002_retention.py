"""What retention asks: which job covers a portrait, who starred it, and the collections run so far."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    # Rows from before carry no series: they are never collected until `farm gc` has worked theirs out.
    op.add_column("job", sa.Column("series", sa.String(length=64), nullable=True))
    op.add_column("job", sa.Column("noise_seed", sa.BigInteger(), nullable=True))
    op.create_index("ix_job_series", "job", ["series"], unique=False)
    op.add_column("portrait", sa.Column("epoch", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    op.add_column("portrait", sa.Column("series", sa.String(length=64), nullable=True))
    op.add_column("portrait", sa.Column("latent_seed", sa.BigInteger(), nullable=True))
    op.add_column("portrait", sa.Column("noise_seed", sa.BigInteger(), nullable=True))
    op.add_column("portrait", sa.Column("starred_at", sa.Float(precision=53), nullable=True))
    op.create_table(
        "collection",
        sa.Column("id", ID, nullable=False),
        sa.Column("started_at", sa.Float(precision=53), nullable=False),
        sa.Column("ended_at", sa.Float(precision=53), nullable=True),
        sa.Column("portraits", sa.BigInteger(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collection")),
        sqlite_autoincrement=True,
    )
