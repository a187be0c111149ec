"""What the farm keeps: cascades; and who works for it."""

import tempfile
from collections.abc import Iterator
from typing import IO, Annotated

from fastapi import APIRouter, Path
from fastapi.responses import StreamingResponse

from farm.api.access import Farm
from farm.api.record_answers import CascadeOut, WorkerOut

router = APIRouter(prefix="/v1", tags=["records"])

Reference = Annotated[
    str,
    Path(pattern=r"^([0-9a-f]{64}|[a-z0-9][a-z0-9._-]{0,63}(@\d{1,6})?)$", description="name, name@version or digest"),
]
CHUNK_BYTES = 1 << 20


@router.get("/cascades")
def cascades(farm: Farm) -> list[CascadeOut]:
    """Every cascade version."""
    return [CascadeOut.of(row) for row in farm.ledger.cascades()]


@router.get("/cascades/{reference}")
def cascade(farm: Farm, reference: Reference) -> CascadeOut:
    """One cascade."""
    return CascadeOut.of(farm.ledger.cascade(reference))


@router.get(
    "/cascades/{reference}/archive",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/zip": {}}, "description": "the archive an import takes"}},
)
def archive(farm: Farm, reference: Reference) -> StreamingResponse:
    """One cascade as a file, for another farm."""
    row = farm.ledger.cascade(reference)
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the response reads it and closes it at its end
    farm.export_cascade(row.digest, file)
    size = file.tell()
    file.seek(0)
    headers = {
        "Content-Disposition": f'attachment; filename="{row.name}-{row.version}.cascade"',
        "Content-Length": str(size),
    }
    return StreamingResponse(_chunks(file), media_type="application/zip", headers=headers)


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


@router.get("/workers")
def workers(farm: Farm) -> list[WorkerOut]:
    """Every worker heard of lately."""
    return [WorkerOut.of(row) for row in farm.workers()]
