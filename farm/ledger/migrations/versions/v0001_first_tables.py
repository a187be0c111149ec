"""The first tables: keys, jobs, ranges, tasks, failures, portraits, workers, datasets, runs, slices, cascades."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _api_key()
    _cascade()
    _lock()
    _portrait()
    _worker()
    _job()
    _dataset()
    _failure()
    _job_range()
    _run()
    _task()
    _slice()


def _api_key() -> None:
    op.create_table(
        "api_key",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.Float(precision=53), nullable=False),
        sa.Column("revoked_at", sa.Float(precision=53), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("sha256", name=op.f("uq_api_key_sha256")),
        sqlite_autoincrement=True,
    )


def _cascade() -> None:
    op.create_table(
        "cascade",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("config", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("name", "version", name=op.f("pk_cascade")),
        sa.UniqueConstraint("name", "digest", name=op.f("uq_cascade_name")),
    )
    op.create_index("ix_cascade_digest", "cascade", ["digest"], unique=False)


def _lock() -> None:
    op.create_table(
        "lock",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("holder", sa.String(length=64), nullable=False),
        sa.Column("until", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lock")),
    )


def _portrait() -> None:
    op.create_table(
        "portrait",
        sa.Column("recipe", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("render_class", sa.String(length=255), nullable=False),
        sa.Column("worker", sa.String(length=255), nullable=True),
        sa.Column("created_at", sa.Float(precision=53), nullable=False),
        sa.Column("last_used_at", sa.Float(precision=53), nullable=False),
        sa.Column("deleting", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("recipe", name=op.f("pk_portrait")),
    )


def _worker() -> None:
    op.create_table(
        "worker",
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("kinds", sa.JSON(), nullable=False),
        sa.Column("device", sa.String(length=255), nullable=False),
        sa.Column("render_class", sa.String(length=255), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("draining", sa.Boolean(), nullable=False),
        sa.Column("seen_at", sa.Float(precision=53), nullable=False),
        sa.Column("leave_until", sa.Float(precision=53), nullable=True),
        sa.Column("strikes", sa.Integer(), nullable=False),
        sa.Column("rates", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_worker")),
    )


def _job() -> None:
    op.create_table(
        "job",
        sa.Column("id", ID, nullable=False),
        sa.Column("key_id", ID, nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("spec_sha256", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.Column("idem_key", sa.String(length=255), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.Float(precision=53), nullable=False),
        sa.Column("started_at", sa.Float(precision=53), nullable=True),
        sa.Column("ended_at", sa.Float(precision=53), nullable=True),
        sa.CheckConstraint("done >= 0 AND failed >= 0 AND done + failed <= total", name=op.f("ck_job_counters")),
        sa.ForeignKeyConstraint(["key_id"], ["api_key.id"], name=op.f("fk_job_key_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_job_state", "job", ["state"], unique=False)
    op.create_index("uq_job_idempotency", "job", [sa.text("coalesce(key_id, 0)"), "idem_key"], unique=True)


def _dataset() -> None:
    op.create_table(
        "dataset",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("job_id", ID, nullable=False),
        sa.Column("manifest_key", sa.String(length=255), nullable=True),
        sa.Column("manifest_sha256", sa.String(length=64), nullable=True),
        sa.Column("kept", sa.Integer(), nullable=True),
        sa.Column("dropped", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_dataset_job_id")),
        sa.PrimaryKeyConstraint("name", "version", name=op.f("pk_dataset")),
    )


def _failure() -> None:
    op.create_table(
        "failure",
        sa.Column("job_id", ID, nullable=False),
        sa.Column("unit", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_failure_job_id")),
        sa.PrimaryKeyConstraint("job_id", "unit", name=op.f("pk_failure")),
    )


def _job_range() -> None:
    op.create_table(
        "job_range",
        sa.Column("job_id", ID, nullable=False),
        sa.Column("lo", sa.BigInteger(), nullable=False),
        sa.Column("hi", sa.BigInteger(), nullable=False),
        sa.Column("next", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("lo < hi AND lo <= next AND next <= hi", name=op.f("ck_job_range_bounds")),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_job_range_job_id")),
        sa.PrimaryKeyConstraint("job_id", "lo", name=op.f("pk_job_range")),
    )


def _run() -> None:
    op.create_table(
        "run",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("config", sa.JSON(), nullable=False),
        sa.Column("job_id", ID, nullable=False),
        sa.Column("nimg", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_run_job_id")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_run")),
    )


def _task() -> None:
    op.create_table(
        "task",
        sa.Column("id", ID, nullable=False),
        sa.Column("job_id", ID, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("rate_key", sa.String(length=64), nullable=False),
        sa.Column("lo", sa.BigInteger(), nullable=False),
        sa.Column("hi", sa.BigInteger(), nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=False),
        sa.Column("claimed_from", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("losses", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.Float(precision=53), nullable=False),
        sa.Column("avoid", sa.String(length=255), nullable=True),
        sa.Column("avoid_until", sa.Float(precision=53), nullable=True),
        sa.Column("alone_on", sa.String(length=255), nullable=True),
        sa.Column("suspects", sa.JSON(), nullable=False),
        sa.Column("raised", sa.JSON(), nullable=False),
        sa.Column("worker", sa.String(length=255), nullable=True),
        sa.Column("lease_until", sa.Float(precision=53), nullable=True),
        sa.Column("progress_at", sa.Float(precision=53), nullable=True),
        sa.Column("units_done", sa.BigInteger(), nullable=True),
        sa.Column("output", sa.JSON(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint("lo < hi AND lo <= cursor AND cursor <= hi", name=op.f("ck_task_bounds")),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_task_job_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_task_job_id", "task", ["job_id", "id"], unique=False)
    op.create_index("ix_task_state", "task", ["state", "job_id"], unique=False)


def _slice() -> None:
    op.create_table(
        "slice",
        sa.Column("run", sa.String(length=64), nullable=False),
        sa.Column("start_nimg", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("end_nimg", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("checkpoint_prefix", sa.String(length=255), nullable=False),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["run.name"], name=op.f("fk_slice_run")),
        sa.PrimaryKeyConstraint("run", "start_nimg", name=op.f("pk_slice")),
    )
