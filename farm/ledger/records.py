"""Datasets, runs, slices and cascades: what finished jobs left, by name."""

import re
from typing import Any

from sqlalchemy import Row, Select, select

from farm.errors import NotFound
from farm.ledger.connection import Tx
from farm.ledger.rows import CascadeRow, Dataset, Run, Slice
from farm.ledger.schema import cascade, dataset, run, slice_

_DIGEST = re.compile(r"^[0-9a-f]{64}$")


def datasets(tx: Tx, name: str | None) -> list[Dataset]:
    """Finished versions by name, oldest first."""
    query = select(dataset).where(dataset.c.manifest_key.is_not(None)).order_by(dataset.c.name, dataset.c.version)
    if name is not None:
        query = query.where(dataset.c.name == name)
    return [_dataset(row) for row in tx.run(query)]


def get_dataset(tx: Tx, name: str, version: int | None) -> Dataset:
    """The version, or the newest finished one. Raises NotFound."""
    query = select(dataset).where(dataset.c.name == name, dataset.c.manifest_key.is_not(None))
    if version is not None:
        query = query.where(dataset.c.version == version)
    row = tx.run(query.order_by(dataset.c.version.desc()).limit(1)).one_or_none()
    if row is None:
        raise NotFound(f"there is no dataset {name}" + (f"@{version}" if version is not None else ""))
    return _dataset(row)


def runs(tx: Tx) -> list[Run]:
    return [_run(row) for row in tx.run(select(run).order_by(run.c.name))]


def get_run(tx: Tx, name: str) -> Run:
    """Raises NotFound."""
    row = tx.run(select(run).where(run.c.name == name)).one_or_none()
    if row is None:
        raise NotFound(f"there is no run {name}")
    return _run(row)


def slices(tx: Tx, name: str) -> list[Slice]:
    """Accepted slices of a run in the order of images shown."""
    return [_slice(row) for row in tx.run(select(slice_).where(slice_.c.run == name).order_by(slice_.c.end_nimg))]


def last_slice(tx: Tx, name: str) -> Slice | None:
    """The slice whose checkpoint the next one starts from; None before the first."""
    query = select(slice_).where(slice_.c.run == name).order_by(slice_.c.end_nimg.desc()).limit(1)
    row = tx.run(query).one_or_none()
    return None if row is None else _slice(row)


def cascades(tx: Tx, name: str | None) -> list[CascadeRow]:
    query = select(cascade).order_by(cascade.c.name, cascade.c.version)
    if name is not None:
        query = query.where(cascade.c.name == name)
    return [_cascade(row) for row in tx.run(query)]


def get_cascade(tx: Tx, ref: str) -> CascadeRow:
    """By `name` (its newest version), `name@version` or digest. Raises NotFound."""
    row = tx.run(_cascade_query(ref).limit(1)).one_or_none()
    if row is None:
        raise NotFound(f"there is no cascade {ref}")
    return _cascade(row)


def _cascade_query(ref: str) -> Select[Any]:
    if _DIGEST.match(ref):
        return select(cascade).where(cascade.c.digest == ref).order_by(cascade.c.created_at)
    name, _, version = ref.partition("@")
    query = select(cascade).where(cascade.c.name == name).order_by(cascade.c.version.desc())
    if "@" not in ref:
        return query
    return query.where(cascade.c.version == (int(version) if version.isdecimal() and len(version) < 10 else -1))


def _dataset(row: Row[Any]) -> Dataset:
    return Dataset(
        name=row.name, version=row.version, manifest_key=row.manifest_key, manifest_sha256=row.manifest_sha256,
        kept=row.kept, dropped=row.dropped, job_id=row.job_id,
    )  # fmt: skip


def _run(row: Row[Any]) -> Run:
    return Run(name=row.name, stage=row.stage, config=row.config, job_id=row.job_id, nimg=row.nimg)


def _slice(row: Row[Any]) -> Slice:
    return Slice(
        run=row.run, start_nimg=row.start_nimg, end_nimg=row.end_nimg, attempt=row.attempt,
        checkpoint_prefix=row.checkpoint_prefix, metrics=row.metrics,
    )  # fmt: skip


def _cascade(row: Row[Any]) -> CascadeRow:
    return CascadeRow(digest=row.digest, name=row.name, version=row.version, config=row.config)
