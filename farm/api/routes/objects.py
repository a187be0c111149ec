"""Objects of a folder storage, for whoever holds a signed link: the signature is the key."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from farm.api.access import Farm
from farm.errors import Unauthorised
from farm.storage import content_type, load_secret, verify_url

router = APIRouter(prefix="/v1/objects", tags=["objects"])

_HEADERS = {
    # Photographs are whatever a user sent: a browser shall not guess that one of them is a page.
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox",
    "Cache-Control": "private, max-age=3600",
}


@router.get("/{key:path}", response_class=Response)
def read(
    farm: Farm,
    key: str,
    expires: Annotated[str, Query(max_length=20)] = "",
    signature: Annotated[str, Query(max_length=128)] = "",
) -> Response:
    """The object's bytes, where the link was given out by this farm and its time is not over."""
    if not signature:
        raise Unauthorised("follow a link that the API gave out; it carries a signature")
    verify_url(load_secret(farm.settings.home), key, expires=expires, signature=signature)
    body = farm.storage.get(key)
    return Response(body, media_type=content_type(key), headers=_HEADERS)
