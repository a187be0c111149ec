"""The key of this machine: what the embedded farm gives the person who started it."""

import os

from farm.service.verbs import Service

LOCAL_KEY_FILE = "run/api-key"
LOCAL_KEY_NAME = "local"


def local_key(service: Service) -> str:
    """The secret in FARM_HOME/run/api-key (readable by its owner alone); made where it is missing or revoked."""
    path, ledger = service.settings.home / LOCAL_KEY_FILE, service.ledger
    if path.is_file():
        secret = path.read_text().strip()
        if secret and ledger.find_key(secret) is not None:
            return secret
    _, secret = ledger.create_key(LOCAL_KEY_NAME, "admin")
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(secret + "\n")
    fresh.replace(path)
    return secret
