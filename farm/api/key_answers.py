"""What the API answers about keys."""

from datetime import datetime

from farm.api.answers import Answer, time_of, time_or_none
from farm.ledger import ApiKey


class KeyOut(Answer):
    """One key, without its secret. `last_used_at` is right to the hour."""

    id: int
    name: str
    role: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None

    @classmethod
    def of(cls, key: ApiKey) -> "KeyOut":
        """The answer for one key."""
        return cls(
            id=key.id,
            name=key.name,
            role=key.role.value,
            created_at=time_of(key.created_at),
            last_used_at=time_or_none(key.last_used_at),
            revoked_at=time_or_none(key.revoked_at),
        )


class NewKeyOut(KeyOut):
    """A new key, with the secret that is told this once."""

    secret: str


class RevokedOut(Answer):
    """`changed` is false where the key was revoked before."""

    changed: bool
