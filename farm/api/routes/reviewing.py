"""Reviewing a dataset: the page, the photos in order of doubt, labels, agreement."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import HTMLResponse

from farm.api.access import Key
from farm.api.bodies import json_body
from farm.api.review_answers import (
    DisputeOut,
    LabelOut,
    LabelsIn,
    PhotoOut,
    PhotosOut,
    ReviewOut,
    StoredOut,
)
from farm.service.reviewing import Reviewing
from farm.web import Page

router = APIRouter(tags=["review"])

PHOTOS_MAX = 100
PAGE_MAX = 10_000
_NAMED = r"^[a-z0-9][a-z0-9._-]{0,63}(@[0-9]{1,6})?$"
_LABELS = {"requestBody": {"required": True, "content": {"application/json": {"schema": LabelsIn.model_json_schema()}}}}
# The same bytes for ever: a name of a photo is the digest of its file.
_PREVIEW_HEADERS = {"Cache-Control": "private, max-age=86400", "Content-Security-Policy": "sandbox"}


def get_reviewing(request: Request) -> Reviewing:
    """The reviews of this process."""
    reviewing: Reviewing = request.app.state.reviewing
    return reviewing


Reviews = Annotated[Reviewing, Depends(get_reviewing)]
Name = Annotated[str, Path(pattern=_NAMED, description="a dataset's name, or name@version")]
Sha256 = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
Reviewer = Annotated[str | None, Query(max_length=64, description="whose; the key's name without it")]
Count = Annotated[int, Query(ge=1, le=PHOTOS_MAX, description="how many photos")]
After = Annotated[int, Query(ge=0, le=10**9, description="leave out so many")]
Limit = Annotated[int, Query(ge=1, le=PAGE_MAX, description="how many")]


@router.get("/review/{name}", include_in_schema=False)
def page(request: Request, name: Name) -> HTMLResponse:
    """The page for reviewers. It is the same for all datasets, and asks for a key."""
    del name  # its script reads it from the address
    shown: Page = request.app.state.review_page
    return HTMLResponse(shown.html, headers={"Content-Security-Policy": shown.policy})


@router.get("/review-offline.js", include_in_schema=False)
def offline(request: Request) -> Response:
    """What lets the page open without a network."""
    shown: Page = request.app.state.review_page
    # It asks this farm for the page, and for nothing else.
    policy = {"Content-Security-Policy": "default-src 'none'; connect-src 'self'"}
    return Response(shown.offline_script, media_type="text/javascript", headers=policy)


@router.get("/v1/datasets/{name}/review")
def state(reviews: Reviews, name: Name) -> ReviewOut:
    """How many photos are judged, by whom, how far they agree, and of how many the ranking is sure."""
    return ReviewOut.of(reviews.state(name))


@router.get("/v1/datasets/{name}/review/photos")
def photos(reviews: Reviews, key: Key, name: Name, reviewer: Reviewer = None, limit: Count = 20) -> PhotosOut:
    """The photos that this reviewer should judge next, the most doubtful first."""
    who = reviewer or key.name
    turns = reviews.next(name, who, count=limit)
    return PhotosOut(reviewer=who, photos=[PhotoOut.of(turn, name) for turn in turns])


@router.get("/v1/datasets/{name}/review/previews/{sha256}", response_class=Response)
def preview(reviews: Reviews, name: Name, sha256: Sha256) -> Response:
    """A photo as a small JPEG."""
    return Response(reviews.preview(name, sha256), media_type="image/jpeg", headers=_PREVIEW_HEADERS)


@router.post("/v1/datasets/{name}/review/labels", openapi_extra=_LABELS)
def say(reviews: Reviews, key: Key, name: Name, body: Annotated[dict[str, Any], Depends(json_body)]) -> StoredOut:
    """Store labels, at most 500 at once. The same event again changes nothing, so send again what had no answer."""
    asked = LabelsIn.of(body)
    stored = reviews.say(name, asked.events(), reviewer=asked.reviewer or key.name, owner=key.name)
    return StoredOut(received=len(asked.labels), stored=stored)


@router.get("/v1/datasets/{name}/review/disagreements")
def disagreements(reviews: Reviews, name: Name, limit: Limit = 100, after: After = 0) -> list[DisputeOut]:
    """The photos that reviewers differ on, with what each says."""
    return [DisputeOut.of(row, said) for row, said in reviews.disputed(name)[after : after + limit]]


@router.get("/v1/datasets/{name}/review/labels")
def labels(reviews: Reviews, name: Name, limit: Limit = 1000, after: After = 0) -> list[LabelOut]:
    """Every label that stands, by file and reviewer."""
    return [LabelOut.of(file, said) for file, said in reviews.labels(name)[after : after + limit]]
