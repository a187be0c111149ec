"""What came with a request: bodies, read within limits of size and time once the key is known, and one header."""

import asyncio
import re
import time
from typing import Annotated, Any

import pydantic_core
from fastapi import Header, Request
from starlette.requests import ClientDisconnect

from farm.api.access import Key, get_service
from farm.errors import InvalidInput, Problem, TooLarge

JSON_MAX_BYTES = 1_000_000
PATIENCE_S = 30.0
"""How long a body may take, beyond what its bytes take at the slowest rate."""
SLOWEST_BYTES_PER_S = 10_000
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,128}")


async def read_body(request: Request, *, max_bytes: int, patience_s: float = PATIENCE_S) -> bytes:
    """The whole body; reading stops as soon as it is too long, or comes too slowly to be meant.

    The only coroutines of the farm: a body reaches a server no other way. Raises TooLarge, InvalidInput.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and len(declared) <= 18 and int(declared) > max_bytes:
        raise _too_large(max_bytes)
    body, stream, began_s = bytearray(), aiter(request.stream()), time.monotonic()
    try:
        while True:
            left_s = began_s + patience_s + len(body) / SLOWEST_BYTES_PER_S - time.monotonic()
            chunk = await asyncio.wait_for(anext(stream, None), max(left_s, 0.0))
            if chunk is None:
                return bytes(body)
            body += chunk
            if len(body) > max_bytes:
                raise _too_large(max_bytes)
    except ClientDisconnect as error:
        raise InvalidInput("the body broke off") from error
    except TimeoutError as error:
        raise InvalidInput(f"the body came slower than {SLOWEST_BYTES_PER_S:,} bytes a second") from error


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
