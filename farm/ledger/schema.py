"""The tables, one block each. The migrations build the same; a test compares them.

Lock order on every write: job, then task, then worker.
"""

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    func,
    text,
)
from sqlalchemy.types import TypeDecorator

SCHEMA_VERSION = "0004"
"""The newest migration."""

Id = BigInteger().with_variant(Integer, "sqlite")


class UnitBound(TypeDecorator[int]):
    """A bound 0 … 2^63 of a half-open range, stored one lower: 2^63, the end after the last seed, fits no BIGINT.

    Differences and comparisons of two stored bounds are right as they stand.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: int | None, _dialect: Dialect) -> int | None:
        return None if value is None else value - 1

    def process_result_value(self, value: Any, _dialect: Dialect) -> int | None:
        return None if value is None else int(value) + 1


metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)

api_key = Table(
    "api_key",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(64), nullable=False),
    Column("role", String(16), nullable=False),
    Column("sha256", String(64), nullable=False, unique=True),
    Column("created_at", Float(53), nullable=False),
    Column("last_used_at", Float(53)),
    Column("revoked_at", Float(53)),
    Index("ix_api_key_name", "name"),
    sqlite_autoincrement=True,
)

job = Table(
    "job",
    metadata,
    Column("id", Id, primary_key=True),
    Column("key_id", Id, ForeignKey("api_key.id")),
    Column("kind", String(16), nullable=False),
    Column("spec", JSON, nullable=False),
    Column("spec_sha256", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("done", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
    Column("idem_key", String(255)),
    Column("error", Text),
    Column("created_at", Float(53), nullable=False),
    Column("started_at", Float(53)),
    Column("ended_at", Float(53)),
    # What of its portraits' recipes does not change from seed to seed; null for jobs without portraits.
    Column("series", String(64)),
    Column("noise_seed", UnitBound),
    CheckConstraint("done >= 0 AND failed >= 0 AND done + failed <= total", name="counters"),
    Index("ix_job_state", "state"),
    Index("ix_job_key_id", "key_id", "id"),
    Index("ix_job_series", "series"),
    sqlite_autoincrement=True,
)
# A NULL key is a caller too: without coalesce its idempotency keys would never collide.
Index("uq_job_idempotency", func.coalesce(job.c.key_id, 0), job.c.idem_key, unique=True)

job_range = Table(
    "job_range",
    metadata,
    Column("job_id", Id, ForeignKey("job.id"), primary_key=True),
    Column("lo", UnitBound, primary_key=True),
    Column("hi", UnitBound, nullable=False),
    Column("next", UnitBound, nullable=False),
    CheckConstraint("lo < hi AND lo <= next AND next <= hi", name="bounds"),
)

task = Table(
    "task",
    metadata,
    Column("id", Id, primary_key=True),
    Column("job_id", Id, ForeignKey("job.id"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("rate_key", String(64), nullable=False),
    Column("lo", UnitBound, nullable=False),
    Column("hi", UnitBound, nullable=False),
    Column("cursor", UnitBound, nullable=False),
    Column("claimed_from", UnitBound),
    Column("state", String(16), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("losses", Integer, nullable=False),
    Column("not_before", Float(53), nullable=False),
    Column("avoid", String(255)),
    Column("avoid_until", Float(53)),
    Column("alone_on", String(255)),
    Column("suspects", JSON, nullable=False),
    Column("raised", JSON, nullable=False),
    Column("worker", String(255)),
    Column("lease_until", Float(53)),
    Column("progress_at", Float(53)),
    Column("units_done", BigInteger),
    Column("output", JSON(none_as_null=True)),
    Column("error", Text),
    CheckConstraint("lo < hi AND lo <= cursor AND cursor <= hi", name="bounds"),
    Index("ix_task_state", "state", "job_id"),
    Index("ix_task_job_id", "job_id", "id"),
    sqlite_autoincrement=True,
)

task_log = Table(
    "task_log",
    metadata,
    # One job's lines are written under its row's lock, so that within a job ids grow as lines are committed.
    Column("id", Id, primary_key=True),
    Column("job_id", Id, ForeignKey("job.id", ondelete="CASCADE"), nullable=False),
    Column("task_id", Id, ForeignKey("task.id", ondelete="CASCADE"), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("at", Float(53), nullable=False),
    Column("level", String(8), nullable=False),
    Column("text", Text, nullable=False),
    UniqueConstraint("task_id", "attempt", "seq"),
    Index("ix_task_log_job_id", "job_id", "id"),
    sqlite_autoincrement=True,
)

failure = Table(
    "failure",
    metadata,
    Column("job_id", Id, ForeignKey("job.id"), primary_key=True),
    Column("unit", BigInteger, primary_key=True, autoincrement=False),
    Column("error", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
)

portrait = Table(
    "portrait",
    metadata,
    Column("recipe", String(64), primary_key=True),
    Column("key", String(255), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("render_class", String(255), nullable=False),
    Column("worker", String(255)),
    Column("created_at", Float(53), nullable=False),
    Column("last_used_at", Float(53), nullable=False),
    Column("deleting", Boolean, nullable=False, server_default=false()),
    Column("epoch", BigInteger, nullable=False, server_default=text("0")),
    Column("series", String(64)),
    Column("latent_seed", UnitBound),
    Column("noise_seed", UnitBound),
    Column("starred_at", Float(53)),
)

collection = Table(
    "collection",
    metadata,
    Column("id", Id, primary_key=True),
    Column("started_at", Float(53), nullable=False),
    Column("ended_at", Float(53)),
    Column("portraits", BigInteger, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

worker = Table(
    "worker",
    metadata,
    Column("name", String(255), primary_key=True),
    Column("kinds", JSON, nullable=False),
    Column("device", String(255), nullable=False),
    Column("render_class", String(255), nullable=False),
    Column("slots", Integer, nullable=False),
    Column("draining", Boolean, nullable=False),
    Column("seen_at", Float(53), nullable=False),
    Column("leave_until", Float(53)),
    Column("strikes", Integer, nullable=False),
    Column("rates", JSON, nullable=False),
)

dataset = Table(
    "dataset",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("job_id", Id, ForeignKey("job.id"), nullable=False),
    Column("manifest_key", String(255)),
    Column("manifest_sha256", String(64)),
    Column("kept", Integer),
    Column("dropped", Integer),
)

run = Table(
    "run",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("stage", String(16), nullable=False),
    Column("config", JSON, nullable=False),
    Column("job_id", Id, ForeignKey("job.id"), nullable=False),
    Column("nimg", BigInteger, nullable=False),
)

slice_ = Table(
    "slice",
    metadata,
    Column("run", String(64), ForeignKey("run.name"), primary_key=True),
    Column("start_nimg", BigInteger, primary_key=True, autoincrement=False),
    Column("end_nimg", BigInteger, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("checkpoint_prefix", String(255), nullable=False),
    Column("metrics", JSON, nullable=False),
)

cascade = Table(
    "cascade",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("digest", String(64), nullable=False),
    Column("config", JSON, nullable=False),
    Column("created_at", Float(53), nullable=False),
    UniqueConstraint("name", "digest"),
    Index("ix_cascade_digest", "digest"),
)

lock = Table(
    "lock",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("holder", String(64), nullable=False),
    Column("until", Float(53), nullable=False),
)

tally = Table(
    "tally",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", BigInteger, nullable=False),
)
"""Counts that only grow, whatever is deleted: for the metrics."""
