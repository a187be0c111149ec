"""Phases of a job, the portraits of jobs whose units are no seeds; fair shares, quotas, budgets, yielding."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _phases()
    _shares()
    _bulk()
    _giants()
    _measured()


def _phases() -> None:
    op.add_column("job_range", sa.Column("barrier", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_table(
        "job_portrait",
        sa.Column("job_id", ID, sa.ForeignKey("job.id", name="fk_job_portrait_job_id"), nullable=False),
        sa.Column("recipe", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "recipe", name=op.f("pk_job_portrait")),
    )
    op.create_index("ix_job_portrait_recipe", "job_portrait", ["recipe"], unique=False)


def _giants() -> None:
    op.add_column("job", sa.Column("render_class", sa.String(length=255), nullable=True))


def _bulk() -> None:
    for name in ("pace", "mark"):
        op.add_column("job", sa.Column(f"{name}_at", sa.Float(53), nullable=True))
        op.add_column("job", sa.Column(f"{name}_units", sa.BigInteger(), nullable=True))
    for name in ("listed", "list_due"):
        op.add_column("job", sa.Column(name, sa.BigInteger(), nullable=True))
    op.create_table(
        "result_part",
        sa.Column("job_id", ID, sa.ForeignKey("job.id", name="fk_result_part_job_id"), nullable=False),
        sa.Column("part", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("job_id", "part", name=op.f("pk_result_part")),
    )


def _shares() -> None:
    going = sa.text("state || '' IN ('queued', 'running', 'finishing')")
    zero, moment = sa.text("0"), sa.Float(precision=53)
    op.add_column("job", sa.Column("owner", sa.String(length=64), server_default="", nullable=False))
    op.add_column("job", sa.Column("rank", sa.Integer(), server_default=zero, nullable=False))
    op.add_column("job", sa.Column("served_at", moment, server_default=zero, nullable=False))
    op.add_column("job", sa.Column("device_s", moment, server_default=zero, nullable=False))
    op.add_column("job", sa.Column("budget_s", moment, nullable=True))
    op.add_column("task", sa.Column("yield_attempt", sa.Integer(), nullable=True))
    op.add_column("portrait", sa.Column("owner", sa.String(length=64), nullable=True))
    whose = "coalesce((SELECT api_key.name FROM api_key WHERE api_key.id = job.key_id), '')"
    op.execute(f"UPDATE job SET rank = -priority, owner = {whose}")
    for name, columns in (("choice", ["owner", "rank", "served_at", "id"]), ("rank", ["rank"])):
        op.create_index(f"ix_job_{name}", "job", columns, sqlite_where=going, postgresql_where=going)
    op.create_table(
        "account",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("share", moment, server_default=sa.text("1"), nullable=False),
        sa.Column("max_running", sa.Integer(), nullable=True),
        sa.Column("max_per_day", sa.BigInteger(), nullable=True),
        sa.Column("max_bytes", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_account")),
    )
    op.execute("INSERT INTO account (name) SELECT DISTINCT owner FROM job")
    op.create_table(
        "usage",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("portraits", sa.BigInteger(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("device_s", moment, nullable=False),
        sa.Column("lately_s", moment, nullable=False),
        sa.Column("lately_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("name", "day", name=op.f("pk_usage")),
    )


def _measured() -> None:
    op.add_column("job_range", sa.Column("rate_key", sa.String(length=64), nullable=True))
    op.add_column("task", sa.Column("claimed_at", sa.Float(precision=53), nullable=True))
    op.add_column("worker", sa.Column("memory_bytes", sa.BigInteger(), nullable=True))
    sums = ("tasks", "units", "busy_s", "log_s", "log_s2", "size_bytes", "updated_at")
    op.create_table(
        "history",
        sa.Column("rate_key", sa.String(length=64), nullable=False),
        sa.Column("device", sa.String(length=255), nullable=False),
        *(sa.Column(name, sa.Float(precision=53), nullable=False) for name in sums),
        sa.PrimaryKeyConstraint("rate_key", "device", name=op.f("pk_history")),
    )
    op.create_table(
        "too_large",
        sa.Column("rate_key", sa.String(length=64), nullable=False),
        sa.Column("memory_bytes", sa.BigInteger(), nullable=False),
        sa.Column("worker", sa.String(length=255), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("rate_key", name=op.f("pk_too_large")),
    )
