"""Phases of a job, and the portraits of jobs whose units are no seeds."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _phases()


def _phases() -> None:
    op.add_column("job_range", sa.Column("barrier", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_table(
        "job_portrait",
        sa.Column("job_id", ID, sa.ForeignKey("job.id", name="fk_job_portrait_job_id"), nullable=False),
        sa.Column("recipe", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "recipe", name=op.f("pk_job_portrait")),
    )
    op.create_index("ix_job_portrait_recipe", "job_portrait", ["recipe"], unique=False)
