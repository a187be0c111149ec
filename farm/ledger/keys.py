"""API keys. A secret is shown once; the ledger keeps its sha256.

The secret is 256 random bits, so one round of a fast hash is enough: a slow hash makes guessing dear where people
choose passwords, and nobody guesses among 2^256 secrets at any price. The row is found by an index over that hash.
How long this takes may tell how much of the *hash* was right, which helps nobody: to move along a wanted hash one
would have to find secrets for it. Whether the hashes are equal is then decided in constant time.
"""

import contextlib
import hashlib
import hmac
import secrets
from typing import Any

from sqlalchemy import Row, exists, insert, or_, select, update

from farm.errors import LedgerUnavailable, NotFound
from farm.ledger.connection import Database, Tx
from farm.ledger.rows import ApiKey, Role
from farm.ledger.schema import api_key, job, task

PREFIX = "farm_"
"""Begins every secret, so that one found in a file or a log is known for what it is."""
SECRET_BYTES = 32
USE_NOTED_S = 3600.0
"""A key's use is noted once in so long: a read costs no write."""


def create_key(tx: Tx, name: str, role: Role) -> tuple[ApiKey, str]:
    """A new key and its secret."""
    secret = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    values = {"name": name, "role": role.value, "sha256": _sha256(secret), "created_at": tx.now}
    row = tx.run(insert(api_key).values(**values).returning(api_key)).one()
    return _key(row), secret


def find_key(database: Database, secret: str) -> ApiKey | None:
    """The key with this secret, unless it was revoked. Its use is noted, once an hour."""
    found, stale = database.read(lambda tx: look_up(tx, secret))
    if found is not None and stale:
        # A ledger that cannot be written just now keeps nobody from reading it.
        with contextlib.suppress(LedgerUnavailable):
            database.write("note_use", lambda tx: note_use(tx, found.id))
    return found


def look_up(tx: Tx, secret: str) -> tuple[ApiKey | None, bool]:
    """The key with this secret, unless it was revoked; and whether its use is to be noted."""
    sought = _sha256(secret)
    stale = or_(api_key.c.last_used_at.is_(None), api_key.c.last_used_at < tx.now - USE_NOTED_S)
    query = select(api_key, stale.label("stale")).where(api_key.c.sha256 == sought, api_key.c.revoked_at.is_(None))
    row = tx.run(query).one_or_none()
    if row is None or not hmac.compare_digest(row.sha256, sought):
        return None, False
    return _key(row), bool(row.stale)


def note_use(tx: Tx, key_id: int) -> None:
    """The key was used just now."""
    tx.run(update(api_key).where(api_key.c.id == key_id).values(last_used_at=tx.now))


def revoke_key(tx: Tx, key_id: int) -> bool:
    """False where it was revoked before. Raises NotFound."""
    live = update(api_key).where(api_key.c.id == key_id, api_key.c.revoked_at.is_(None))
    if tx.run(live.values(revoked_at=tx.now)).rowcount == 1:
        return True
    if tx.run(select(api_key.c.id).where(api_key.c.id == key_id)).one_or_none() is None:
        raise NotFound(f"there is no key {key_id}")
    return False


def keys(tx: Tx) -> list[ApiKey]:
    """Every key, the revoked ones too, oldest first."""
    return [_key(row) for row in tx.run(select(api_key).order_by(api_key.c.id))]


def owns_job(tx: Tx, name: str, job_id: int) -> bool:
    """True where a key of that name submitted the job."""
    mine = select(job.c.id).join(api_key, api_key.c.id == job.c.key_id)
    return bool(tx.run(select(exists(mine.where(job.c.id == job_id, api_key.c.name == name)))).scalar_one())


def owns_task(tx: Tx, name: str, task_id: int) -> bool:
    """True where the task belongs to such a job."""
    job_id = tx.run(select(task.c.job_id).where(task.c.id == task_id)).scalar_one_or_none()
    return job_id is not None and owns_job(tx, name, job_id)


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        role=Role(row.role),
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
