"""API keys. A secret is shown once; the ledger keeps its sha256."""

import hashlib
import secrets
from typing import Any

from sqlalchemy import Row, insert, select, update

from farm.ledger.connection import Tx
from farm.ledger.rows import ApiKey
from farm.ledger.schema import api_key


def create_key(tx: Tx, name: str, role: str) -> tuple[ApiKey, str]:
    """A new key and its secret."""
    secret = f"farm_{secrets.token_urlsafe(32)}"
    values = {"name": name, "role": role, "sha256": _sha256(secret), "created_at": tx.now}
    key_id = tx.run(insert(api_key).values(**values).returning(api_key.c.id)).scalar_one()
    return ApiKey(id=key_id, name=name, role=role), secret


def find_key(tx: Tx, secret: str) -> ApiKey | None:
    """The key with this secret, unless it was revoked. Looked up by hash: its timing tells nothing of the secret."""
    query = select(api_key).where(api_key.c.sha256 == _sha256(secret), api_key.c.revoked_at.is_(None))
    row = tx.run(query).one_or_none()
    return None if row is None else _key(row)


def revoke_key(tx: Tx, key_id: int) -> bool:
    """False where it was revoked before, or there is none."""
    live = update(api_key).where(api_key.c.id == key_id, api_key.c.revoked_at.is_(None))
    return tx.run(live.values(revoked_at=tx.now)).rowcount == 1


def keys(tx: Tx) -> list[ApiKey]:
    """Those not revoked, oldest first."""
    return [_key(row) for row in tx.run(select(api_key).where(api_key.c.revoked_at.is_(None)).order_by(api_key.c.id))]


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(id=row.id, name=row.name, role=row.role)


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
