"""Signed, expiring addresses for objects the API itself serves."""

import contextlib
import hashlib
import hmac
import os
import secrets
import time
from pathlib import Path

from farm.errors import Forbidden, SettingsInvalid, StorageUnavailable
from farm.storage.key_rules import check_key

SECRET_FILE = "secret"
"""In FARM_HOME, readable by its owner alone. Deleting it ends every address given out so far."""
ROUTE = "/v1/objects/"
_SECRET_BYTES = 32


def load_secret(home: Path) -> bytes:
    """This farm's signing secret; made on first use, the same for all processes that share `home`.

    Raises StorageUnavailable when `home` cannot be read or written, SettingsInvalid when the file is damaged.
    """
    path = home / SECRET_FILE
    try:
        if not path.exists():
            _write_once(path, secrets.token_hex(_SECRET_BYTES))
        secret = bytes.fromhex(path.read_text().strip())
    except OSError as error:
        raise StorageUnavailable(f"{path} cannot be read or written: {error.strerror}") from error
    except ValueError as error:
        raise SettingsInvalid(f"{path} is damaged; delete it, and a new one is made") from error
    if len(secret) != _SECRET_BYTES:
        raise SettingsInvalid(f"{path} is damaged; delete it, and a new one is made")
    return secret


def signed_path(secret: bytes, key: str, *, expires_s: int) -> str:
    """API path that reads `key` for `expires_s` seconds from now."""
    expires = int(time.time()) + expires_s
    return f"{ROUTE}{key}?expires={expires}&signature={_signature(secret, key, str(expires))}"


def verify_url(secret: bytes, key: str, *, expires: str, signature: str) -> None:
    """Check the parts of a signed path as the API received them.

    Raises InvalidInput for a key that is not allowed, Forbidden when the signature is not ours or its time is over.
    """
    check_key(key)
    good = hmac.compare_digest(_signature(secret, key, expires).encode(), signature.encode(errors="replace"))
    if not good:
        raise Forbidden("this link is not valid")
    if int(expires) < time.time():
        raise Forbidden("this link has expired; ask for a new one")


def _signature(secret: bytes, key: str, expires: str) -> str:
    return hmac.new(secret, f"{key}\n{expires}".encode(errors="replace"), hashlib.sha256).hexdigest()


def _write_once(path: Path, text: str) -> None:
    """Of several processes that come first, one wins; a reader never sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        temporary.unlink()
