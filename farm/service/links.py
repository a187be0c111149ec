"""Objects that a user may fetch, each with a link."""

from farm.storage import Storage

LINK_S = 3600
"""How long a link to an object may be followed."""

Linked = tuple[str, int, str]
"""Key, size in bytes, link."""


def linked(prefix: str, *, storage: Storage) -> list[Linked]:
    """Every object whose key begins so."""
    return [(info.key, info.size_bytes, storage.url(info.key, expires_s=LINK_S)) for info in storage.list(prefix)]


def linked_if_there(keys: list[str], *, storage: Storage) -> list[Linked]:
    """Those of these objects that storage holds."""
    found = [(key, storage.head(key)) for key in keys]
    return [(key, info.size_bytes, storage.url(key, expires_s=LINK_S)) for key, info in found if info is not None]
