"""What a task leaves in the ledger besides its units, written in the transaction that closes or releases it."""

from sqlalchemy import func, insert, select, update

from farm.errors import Conflict
from farm.ledger.connection import Tx
from farm.ledger.listing import keep_parts
from farm.ledger.rows import CascadeRow, Dataset, Outcome, Slice
from farm.ledger.schema import cascade, dataset, run, slice_


def keep_outcome(tx: Tx, job_id: int, outcome: Outcome) -> None:
    """Raises Conflict where the job reserved no such dataset version or owns no such run."""
    if outcome.slice is not None:
        _keep_slice(tx, job_id, outcome.slice)
    if outcome.cascade is not None:
        _keep_cascade(tx, outcome.cascade)
    if outcome.dataset is not None:
        _keep_dataset(tx, job_id, outcome.dataset)
    keep_parts(tx, job_id, outcome.parts)


def _keep_slice(tx: Tx, job_id: int, made: Slice) -> None:
    owned = update(run).where(run.c.name == made.run, run.c.job_id == job_id).values(nimg=made.end_nimg)
    if tx.run(owned).rowcount != 1:
        raise Conflict(f"job {job_id} does not train the run {made.run}")
    values = {
        "end_nimg": made.end_nimg, "attempt": made.attempt, "checkpoint_prefix": made.checkpoint_prefix,
        "metrics": dict(made.metrics),
    }  # fmt: skip
    statement = tx.upsert(slice_).values(run=made.run, start_nimg=made.start_nimg, **values)
    tx.run(statement.on_conflict_do_update(index_elements=["run", "start_nimg"], set_=values))


def _keep_cascade(tx: Tx, made: CascadeRow) -> None:
    """The same weights under the same name are the version they were; otherwise the name's next version."""
    same = select(cascade.c.version).where(cascade.c.name == made.name, cascade.c.digest == made.digest)
    if tx.run(same).first():
        return
    newest = select(func.coalesce(func.max(cascade.c.version), 0) + 1).where(cascade.c.name == made.name)
    values = {"version": tx.run(newest).scalar_one(), "config": dict(made.config), "created_at": tx.now}
    tx.run(insert(cascade).values(name=made.name, digest=made.digest, **values))


def _keep_dataset(tx: Tx, job_id: int, made: Dataset) -> None:
    reserved = (
        update(dataset)
        .where(dataset.c.name == made.name, dataset.c.version == made.version, dataset.c.job_id == job_id)
        .values(
            manifest_key=made.manifest_key,
            manifest_sha256=made.manifest_sha256,
            kept=made.kept,
            dropped=made.dropped,
        )
    )
    if tx.run(reserved).rowcount != 1:
        raise Conflict(f"job {job_id} did not reserve {made.name}@{made.version}")
