"""What stays: keys, portraits, collections, datasets, runs, cascades; and the locks and counts of the farm itself."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
    false,
    text,
)

from farm.ledger.schema.base import Id, UnitBound, metadata

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

account = Table(
    "account",
    metadata,
    # A name of keys, or "" for jobs that came without one: its share and its quotas. There from its first job on.
    Column("name", String(64), primary_key=True),
    Column("share", Float(53), nullable=False, server_default=text("1")),
    Column("max_running", Integer),
    Column("max_per_day", BigInteger),
    Column("max_bytes", BigInteger),
)

usage = Table(
    "usage",
    metadata,
    Column("name", String(64), primary_key=True),
    # Days since 1970-01-01, UTC.
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("portraits", BigInteger, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("device_s", Float(53), nullable=False),
    # The same, forgotten little by little, as it stood at lately_at: what fair shares compare.
    Column("lately_s", Float(53), nullable=False),
    Column("lately_at", Float(53), nullable=False),
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
    # Whose quota its bytes count in; null where it was stored before quotas were kept.
    Column("owner", String(64)),
)

job_portrait = Table(
    "job_portrait",
    metadata,
    # What a job asks for whose units are no seeds of one series; the other render jobs cover their portraits by range.
    Column("job_id", Id, ForeignKey("job.id"), primary_key=True),
    Column("recipe", String(64), primary_key=True),
    Index("ix_job_portrait_recipe", "recipe"),
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
