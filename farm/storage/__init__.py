"""Objects by key: a folder, or S3."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import boto3.session

from farm.errors import InvalidInput, Problem, SettingsInvalid
from farm.outages import Outage
from farm.settings import Settings
from farm.storage.base import ObjectInfo, Storage
from farm.storage.folder import FolderStorage
from farm.storage.key_rules import check_key, content_type
from farm.storage.s3 import S3Storage, connect
from farm.storage.signing import load_secret, verify_url
from farm.storage.watched import WatchedStorage

__all__ = [
    "FolderStorage",
    "ObjectInfo",
    "S3Storage",
    "Storage",
    "WatchedStorage",
    "check_key",
    "content_type",
    "load_secret",
    "open_storage",
    "verify_url",
]

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)


def open_storage(settings: Settings) -> WatchedStorage:
    """The storage this farm is set up with. Safe to share between threads; open it once per process.

    Raises SettingsInvalid when the address makes no sense, StorageUnavailable when its folder cannot be used. An S3
    server is first asked when the first object is.
    """
    try:
        address = urlsplit(settings.storage_url)
    except ValueError as error:
        raise _wrong(f"is not an address: {error}") from error
    if address.query or address.fragment:
        raise _wrong("has something after the path; it must end there")
    if address.scheme == "file":
        if address.netloc not in ("", "localhost") or not address.path.startswith("/"):
            raise _wrong("must name an absolute folder, as file:///srv/farm")
        folder = FolderStorage(Path(unquote(address.path)), secret=load_secret(settings.home))
        return WatchedStorage(folder, Outage("the storage"))
    if address.scheme == "s3":
        return _open_s3(settings, bucket=address.netloc, prefix=address.path.strip("/"))
    raise _wrong("must begin with file:/// or s3://")


def _open_s3(settings: Settings, *, bucket: str, prefix: str) -> WatchedStorage:
    if not _BUCKET.fullmatch(bucket):
        raise _wrong("must name a bucket of 3 to 63 small letters, digits, dots and hyphens, as s3://bucket/prefix")
    if prefix:
        try:
            check_key(prefix)
        except InvalidInput as error:
            raise _wrong(f"has a prefix that cannot begin keys: {error.problems[0].message}") from error
    session = boto3.session.Session()
    outage = Outage("the storage")
    client = connect(session, endpoint_url=settings.s3_endpoint_url, outage=outage)
    public = settings.s3_public_endpoint_url
    storage = S3Storage(
        bucket,
        prefix=f"{prefix}/" if prefix else "",
        client=client,
        public_client=connect(session, endpoint_url=public) if public and public != settings.s3_endpoint_url else None,
    )
    return WatchedStorage(storage, outage)


def _wrong(message: str) -> SettingsInvalid:
    return SettingsInvalid("the storage address is wrong", problems=[Problem("FARM_STORAGE_URL", message)])
