"""Objects in a bucket of any S3-compatible server, through boto3.

Only what every server speaks: put, get, head, list, delete, presign. Writes are single-part: conditions on multipart
uploads are silently ignored by some servers.
"""

import contextlib
import io
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

import boto3.session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from farm.errors import InvalidInput, NotFound, Problem, StorageFull, StorageUnavailable
from farm.outages import Outage
from farm.storage.base import ObjectInfo
from farm.storage.key_rules import check_key, check_prefix, content_type, is_key
from farm.storage.landing import BLOCK_BYTES, new_file, translated

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 30
"""Longest silence inside one answer, not the length of a transfer."""
REQUEST_ATTEMPTS = 4
"""Of botocore, for one request: connection errors, 5xx and throttling, with growing pauses."""
CONFLICT_ATTEMPTS = 6
READ_ATTEMPTS = 3
FULL_CODES = ("QuotaExceeded", "XMinioStorageFull", "InsufficientStorage", "507")
"""What servers say when no room is left. S3 itself has no word for it."""
TOO_MANY_REQUESTS = 429
SERVER_ERROR = 500
MAX_URL_S = 7 * 24 * 3600
"""The longest a version 4 signature may live."""

T = TypeVar("T")


def connect(session: boto3.session.Session, *, endpoint_url: str | None, outage: Outage | None = None) -> "S3Client":
    """A client for one server (None: AWS); credentials and region come from boto3's own AWS_* variables and files.

    The first of a session takes a tenth of a second to make, and all are safe to share between threads: one per
    process. No request is sent yet. `outage` hears of every refused request, those included that botocore sends again
    with success. Raises StorageUnavailable when boto3 refuses the set-up.
    """
    with _translated("setting up the S3 client"):
        client = session.client(
            "s3",
            endpoint_url=endpoint_url,
            region_name=session.region_name or "us-east-1",
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path" if endpoint_url else "auto"},
                connect_timeout=CONNECT_TIMEOUT_S,
                read_timeout=READ_TIMEOUT_S,
                retries={"mode": "standard", "total_max_attempts": REQUEST_ATTEMPTS},
                max_pool_connections=32,
                tcp_keepalive=True,
                # boto3's default trailing checksums are refused by some servers over https, and cost 0.4 ms a put.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )
    if outage is not None:
        client.meta.events.register("needs-retry.s3", _listener(outage))
    return client


def _listener(outage: Outage) -> Callable[..., None]:
    """Tells `outage` of each single try that a server refused or left without an answer. botocore asks it whether to
    try again; it has no opinion."""

    def on_try(operation: Any, response: Any = None, caught_exception: BaseException | None = None, **_: Any) -> None:
        writing = operation.name == "PutObject"
        if caught_exception is not None:
            outage.refused(f"{operation.name}: {caught_exception}", writing=writing)
        elif response is not None:
            status, error = response[0].status_code, response[1].get("Error", {})
            if status >= SERVER_ERROR or status == TOO_MANY_REQUESTS:
                outage.refused(
                    f"{operation.name}: the S3 server answers {status} {error.get('Code', '')}", writing=writing
                )

    return on_try


class S3Storage:
    """Storage in `bucket`, every key under `prefix` (empty, or ending in a slash).

    client: for all work. public_client: signs the addresses browsers get, when they know the server by another name.
    """

    def __init__(
        self, bucket: str, *, client: "S3Client", public_client: "S3Client | None" = None, prefix: str = ""
    ) -> None:
        self._bucket = bucket
        self._prefix = prefix
        self._client = client
        self._public_client = public_client or client

    def put(self, key: str, body: bytes, *, if_absent: bool = True) -> bool:
        """As the protocol. When an answer gets lost and the request is repeated, this call's own object can be the one
        that was there already: False then still means that the key holds a whole object."""
        # As a file: sent in small blocks, so that a slow line is no timeout, and not sent at all where the server
        # refuses by the headers.
        return self._put(key, io.BytesIO(body), if_absent=if_absent)

    def put_file(self, key: str, path: Path, *, if_absent: bool = True) -> bool:
        with translated(f"reading {path}"):
            file = path.open("rb")
        with file:
            return self._put(key, file, if_absent=if_absent)

    def _put(self, key: str, body: IO[bytes], *, if_absent: bool) -> bool:
        place = self._place(key)
        condition: dict[str, Any] = {"IfNoneMatch": "*"} if if_absent else {}

        def send() -> bool:
            body.seek(0)  # asked for again after a conflict
            self._client.put_object(**place, Body=body, ContentType=content_type(key), **condition)
            return True

        with _translated(f"writing {key}"):
            try:
                return _repeated(send, _is_conflict, attempts=CONFLICT_ATTEMPTS)
            except ClientError as error:
                if if_absent and _code(error) in ("PreconditionFailed", "412"):
                    return False
                raise

    def get(self, key: str) -> bytes:
        place = self._place(key)
        with _translated(f"reading {key}"):
            try:
                return _repeated(lambda: self._read(place), _is_broken_stream, attempts=READ_ATTEMPTS)
            except ClientError as error:
                if _is_absent(error):
                    raise NotFound(f"there is no object {key}") from error
                raise

    def get_file(self, key: str, path: Path) -> int:
        place = self._place(key)
        with new_file(path) as file, _translated(f"reading {key}"):
            try:
                return _repeated(lambda: self._copy(place, file), _is_broken_stream, attempts=READ_ATTEMPTS)
            except ClientError as error:
                if _is_absent(error):
                    raise NotFound(f"there is no object {key}") from error
                raise

    def head(self, key: str) -> ObjectInfo | None:
        place = self._place(key)
        with _translated(f"looking up {key}"):
            try:
                found = self._client.head_object(**place)
            except ClientError as error:
                if _is_absent(error):
                    return None
                raise
        return ObjectInfo(key=key, size_bytes=found["ContentLength"], modified_s=found["LastModified"].timestamp())

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        check_prefix(prefix)
        return self._pages(prefix)

    def delete(self, key: str) -> None:
        place = self._place(key)
        with _translated(f"deleting {key}"):
            self._client.delete_object(**place)

    def url(self, key: str, *, expires_s: int) -> str:
        place = self._place(key)
        if not 1 <= expires_s <= MAX_URL_S:
            problem = Problem("expires_s", f"must be 1 to {MAX_URL_S}")
            raise InvalidInput("no link can live that long", problems=[problem])
        with _translated(f"signing a link to {key}"):
            return self._public_client.generate_presigned_url("get_object", Params=place, ExpiresIn=expires_s)

    def _place(self, key: str) -> dict[str, Any]:
        check_key(key)
        return {"Bucket": self._bucket, "Key": self._prefix + key}

    def _read(self, place: dict[str, Any]) -> bytes:
        with contextlib.closing(self._client.get_object(**place)["Body"]) as body:
            return body.read()

    def _copy(self, place: dict[str, Any], file: IO[bytes]) -> int:
        """From the beginning: a stream that broke is not gone on with."""
        file.seek(0)
        file.truncate()
        with contextlib.closing(self._client.get_object(**place)["Body"]) as body:
            for block in body.iter_chunks(BLOCK_BYTES):
                file.write(block)
        return file.tell()

    def _pages(self, prefix: str) -> Iterator[ObjectInfo]:
        pages = self._client.get_paginator("list_objects_v2")
        with _translated(f"listing {prefix or 'the bucket'}"):
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix + prefix):
                for entry in page.get("Contents", []):
                    key = entry["Key"].removeprefix(self._prefix)
                    if is_key(key):
                        yield ObjectInfo(
                            key=key, size_bytes=entry["Size"], modified_s=entry["LastModified"].timestamp()
                        )


@contextlib.contextmanager
def _translated(action: str) -> Iterator[None]:
    """Errors of boto3 as ours, once, here."""
    try:
        yield
    except ClientError as error:
        message = error.response.get("Error", {}).get("Message") or "no reason given"
        if _code(error) == "NoSuchBucket":
            message = "create the bucket, or name another in FARM_STORAGE_URL; nothing is lost, what waits goes on then"
        kind = StorageFull if _code(error) in FULL_CODES else StorageUnavailable
        raise kind(f"{action}: the S3 server refused ({_code(error)}: {message})") from error
    except (BotoCoreError, ValueError) as error:  # ValueError: an endpoint that is no URL
        raise StorageUnavailable(f"{action}: {error}") from error


def _repeated(call: Callable[[], T], again: Callable[[Exception], bool], *, attempts: int) -> T:
    """`call()`, repeated after growing, scattered pauses while it raises what `again` accepts."""
    for attempt in range(1, attempts):
        try:
            return call()
        except (BotoCoreError, ClientError) as error:
            if not again(error):
                raise
            time.sleep(random.uniform(0.5, 1.0) * 0.05 * 2**attempt)
    return call()


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _is_absent(error: ClientError) -> bool:
    """A HEAD has no body to say more than 404; a missing bucket says so elsewhere."""
    return _code(error) in ("NoSuchKey", "404", "NotFound")


def _is_conflict(error: Exception) -> bool:
    """Two conditional writes met inside the server; neither was judged yet."""
    return isinstance(error, ClientError) and _code(error) in ("ConditionalRequestConflict", "409")


def _is_broken_stream(error: Exception) -> bool:
    """The body stopped half way: botocore repeats requests, but not what follows the headers."""
    return isinstance(error, IncompleteReadError | ReadTimeoutError | ResponseStreamingError)
