"""Who asks, and what they sent: the key, the service, the body. Bodies are read only once the key is known."""

import re
from typing import Annotated, Any

import pydantic_core
from fastapi import Depends, Header, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import ClientDisconnect

from farm.errors import InvalidInput, Problem, TooLarge, Unauthorised
from farm.ledger.rows import ApiKey
from farm.service import Service

JSON_MAX_BYTES = 1_000_000
SECRET_MAX_CHARS = 256
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,128}")
_bearer = HTTPBearer(auto_error=False, description="the key that `farm up` shows")


def get_service(request: Request) -> Service:
    """The service of this process."""
    service: Service = request.app.state.service
    return service


Farm = Annotated[Service, Depends(get_service)]


def require_key(
    farm: Farm, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)] = None
) -> ApiKey:
    """The key that came with the request.

    The ledger looks the secret up by its sha256: how long that takes tells nothing of how much of it was right.
    Raises Unauthorised.
    """
    if credentials is None:
        raise Unauthorised("send your key as `Authorization: Bearer <key>`")
    secret = credentials.credentials
    found = farm.ledger.find_key(secret) if 0 < len(secret) <= SECRET_MAX_CHARS else None
    if found is None:
        raise Unauthorised("this key is not known")
    return found


Key = Annotated[ApiKey, Depends(require_key)]


async def read_body(request: Request, *, max_bytes: int) -> bytes:
    """The whole body; reading stops as soon as it is too long.

    The only coroutines of the farm: a body reaches a server no other way. Raises TooLarge, InvalidInput.
    """
    body = bytearray()
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and len(declared) <= 18 and int(declared) > max_bytes:
        raise _too_large(max_bytes)
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > max_bytes:
                raise _too_large(max_bytes)
    except ClientDisconnect as error:
        raise InvalidInput("the body broke off") from error
    return bytes(body)


def _too_large(max_bytes: int) -> TooLarge:
    return TooLarge(f"the body is larger than {max_bytes:,} bytes, the most this address takes")


async def json_body(request: Request, _: Key) -> dict[str, Any]:
    """The body as a JSON object. Raises InvalidInput where it is none."""
    try:
        value = pydantic_core.from_json(await read_body(request, max_bytes=JSON_MAX_BYTES), allow_inf_nan=False)
    except ValueError as error:
        raise InvalidInput("the body is not JSON", problems=[Problem("", str(error)[:200])]) from error
    if not isinstance(value, dict):
        raise InvalidInput("the body is not a JSON object", problems=[Problem("", "send an object: {…}")])
    return value


async def photo_body(request: Request, _: Key) -> bytes:
    """The bytes of one photo."""
    farm = get_service(request)
    return await read_body(request, max_bytes=farm.settings.photo_max_bytes)


async def upload_body(request: Request, _: Key) -> bytes:
    """The bytes of a list of photos or of an archive."""
    farm = get_service(request)
    return await read_body(request, max_bytes=farm.settings.upload_max_bytes)


def idempotency_key(
    value: Annotated[
        str | None,
        Header(alias="Idempotency-Key", description="the same key and job again answer with the job taken before"),
    ] = None,
) -> str | None:
    """The header's value. Raises InvalidInput where it is not 1 to 128 printable ASCII characters."""
    if value is not None and not _IDEMPOTENCY_KEY.fullmatch(value):
        wanted = "must be 1 to 128 printable ASCII characters without spaces"
        raise InvalidInput("a header is wrong", problems=[Problem("Idempotency-Key", wanted)])
    return value
