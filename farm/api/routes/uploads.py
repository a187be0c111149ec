"""Bytes on their way in, ahead of the job that names them."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response

from farm.api.access import Farm
from farm.api.bodies import photo_body, upload_body
from farm.api.record_answers import IntakeOut, PhotoOut

router = APIRouter(prefix="/v1", tags=["uploads"])

_BYTES = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
_LIST_OR_ARCHIVE = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "example": {
                        "version": 1,
                        "photos": [{"name": "a.jpg", "sha256": "…", "ext": "jpg", "person": None, "refused": None}],
                    },
                }
            },
            **_BYTES["requestBody"]["content"],  # type: ignore[dict-item]
        },
    }
}


@router.put("/photos/{sha256}", openapi_extra=_BYTES, responses={201: {"description": "new"}})
def put_photo(
    response: Response,
    farm: Farm,
    sha256: Annotated[str, Path(pattern="^[0-9a-f]{64}$")],
    body: Annotated[bytes, Depends(photo_body)],
) -> PhotoOut:
    """Send one photo under the sha256 of its bytes. Sending it again is harmless."""
    stored = farm.put_photo(sha256, body)
    response.status_code = 201 if stored.created else 200
    return PhotoOut(sha256=stored.sha256, ext=stored.ext, size_bytes=stored.size_bytes)


@router.post("/intakes", status_code=201, openapi_extra=_LIST_OR_ARCHIVE)
def put_intake(farm: Farm, body: Annotated[bytes, Depends(upload_body)]) -> IntakeOut:
    """Send a list of photos (for a curate job) or a cascade archive (for an import job)."""
    stored = farm.put_intake(body)
    return IntakeOut(sha256=stored.sha256, holds=stored.holds, photos=stored.photos)
