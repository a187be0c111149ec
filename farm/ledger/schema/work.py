"""Jobs, their units, tasks and workers: what claims and beats move."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    func,
    text,
)

from farm.ledger.schema.base import Id, UnitBound, metadata

GOING = text("state || '' IN ('queued', 'running', 'finishing')")
"""Jobs of which something may be claimed: the indexes over them stay small however many have ended. Written so that no
planner takes the index over states instead, by which it would read all of them."""

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
    # Of a giant job: the class of workers that paints it, once one began.
    Column("render_class", String(255)),
    # How far it was a while ago, and at a mark since then: what the time left is told from.
    Column("pace_at", Float(53)),
    Column("pace_units", BigInteger),
    Column("mark_at", Float(53)),
    Column("mark_units", BigInteger),
    # The next part of its result list to be written while it runs, and how many units are settled before it can be.
    Column("listed", BigInteger),
    Column("list_due", BigInteger),
    # The name of the key that submitted it; "" where none did.
    Column("owner", String(64), nullable=False, server_default=""),
    # Minus the priority, so that an index read in one direction gives the order in which jobs are chosen.
    Column("rank", Integer, nullable=False, server_default=text("0")),
    Column("served_at", Float(53), nullable=False, server_default=text("0")),
    Column("device_s", Float(53), nullable=False, server_default=text("0")),
    Column("budget_s", Float(53)),
    CheckConstraint("done >= 0 AND failed >= 0 AND done + failed <= total", name="counters"),
    Index("ix_job_state", "state"),
    Index("ix_job_key_id", "key_id", "id"),
    Index("ix_job_series", "series"),
    Index("ix_job_choice", "owner", "rank", "served_at", "id", sqlite_where=GOING, postgresql_where=GOING),
    Index("ix_job_rank", "rank", sqlite_where=GOING, postgresql_where=GOING),
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
    # Nothing of it is cut before every unit of the job below `lo` is settled: a later phase of the work.
    Column("barrier", Boolean, nullable=False, server_default=false()),
    # The class of work of its units; null in ranges that are older than this column.
    Column("rate_key", String(64)),
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
    Column("claimed_at", Float(53)),
    Column("lease_until", Float(53)),
    Column("progress_at", Float(53)),
    Column("units_done", BigInteger),
    Column("output", JSON(none_as_null=True)),
    Column("error", Text),
    # The attempt that was asked to make way for more urgent work.
    Column("yield_attempt", Integer),
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

result_part = Table(
    "result_part",
    metadata,
    # A part of the job's result list that is written and still says what became of its units.
    Column("job_id", Id, ForeignKey("job.id"), primary_key=True),
    Column("part", BigInteger, primary_key=True, autoincrement=False),
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
    # Of its device, or what it may use of it; null where it does not say.
    Column("memory_bytes", BigInteger),
)
