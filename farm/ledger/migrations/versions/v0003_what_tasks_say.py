"""What tasks said while they ran, and counts that only grow."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "task_log",
        sa.Column("id", ID, nullable=False),
        sa.Column("job_id", ID, nullable=False),
        sa.Column("task_id", ID, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(precision=53), nullable=False),
        sa.Column("level", sa.String(length=8), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task_log")),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_task_log_job_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name=op.f("fk_task_log_task_id"), ondelete="CASCADE"),
        sa.UniqueConstraint("task_id", "attempt", "seq", name=op.f("uq_task_log_task_id")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_task_log_job_id", "task_log", ["job_id", "id"], unique=False)
    op.create_table(
        "tally",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_tally")),
    )
