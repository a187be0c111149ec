"""API keys as people make them, and the key of this machine: what the embedded farm gives whoever started it."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from farm.errors import InvalidInput, Problem
from farm.ledger import ApiKey, Ledger, Role

if TYPE_CHECKING:
    from farm.service.verbs import Service

LOCAL_KEY_FILE = "run/api-key"
LOCAL_KEY_NAME = "local"
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)


def create_key(ledger: Ledger, name: str, role: str) -> tuple[ApiKey, str]:
    """A new key and its secret, which nobody can ask for again. Raises InvalidInput naming every mistake."""
    problems = []
    if not NAME.fullmatch(name):
        problems.append(Problem("name", "1 to 64 of a-z, 0-9, dot, dash and underscore; a letter or digit first"))
    if role not in list(Role):
        problems.append(Problem("role", f"must be one of {', '.join(Role)}"))
    if problems:
        raise InvalidInput("the key has mistakes", problems=problems)
    return ledger.create_key(name, Role(role))


def local_key(service: Service) -> str:
    """The secret in FARM_HOME/run/api-key (readable by its owner alone); made where it is missing or revoked."""
    path, ledger = service.settings.home / LOCAL_KEY_FILE, service.ledger
    if path.is_file():
        secret = path.read_text().strip()
        if secret and ledger.find_key(secret) is not None:
            return secret
    _, secret = ledger.create_key(LOCAL_KEY_NAME, Role.ADMIN)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(secret + "\n")
    fresh.replace(path)
    return secret
