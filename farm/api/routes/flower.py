"""Flower's pages, for people with a key: a browser asks for it as a password."""

from typing import Annotated

import httpx
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from farm.api.access import Key
from farm.api.bodies import read_body
from farm.api.flower import PREFIX, ROWS, Answered, FlowerClient
from farm.errors import NotFound

router = APIRouter(tags=["flower"])

ROWS_MAX_BYTES = 100_000
# Its pages bring scripts of their own, written into them.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)


def get_flower(request: Request) -> FlowerClient:
    """The Flower of this farm. Raises NotFound where it has none."""
    flower: FlowerClient | None = request.app.state.flower
    if flower is None:
        raise NotFound("no Flower belongs to this API; FARM_FLOWER_URL names one")
    return flower


Flower = Annotated[FlowerClient, Depends(get_flower)]


async def rows_body(request: Request, _: Key) -> bytes:
    """The table's question, as its page asks it."""
    return await read_body(request, max_bytes=ROWS_MAX_BYTES)


@router.get("/flower", response_class=Response, status_code=308)
def root() -> RedirectResponse:
    """Flower is one slash further."""
    return RedirectResponse(PREFIX, status_code=308)


@router.get("/flower/{page:path}", response_class=Response)
def page(request: Request, flower: Flower, page: str) -> Response:
    """One of Flower's pages."""
    return _passed(flower.page(page, query=request.url.query, headers=httpx.Headers(request.headers.raw)))


@router.post(PREFIX + ROWS, response_class=Response)
def rows(request: Request, flower: Flower, body: Annotated[bytes, Depends(rows_body)]) -> Response:
    """Rows of Flower's task table."""
    return _passed(flower.rows(body, headers=httpx.Headers(request.headers.raw)))


def _passed(answered: Answered) -> Response:
    headers = answered.headers | {"Content-Security-Policy": _POLICY}
    return Response(answered.body, status_code=answered.status, headers=headers)
