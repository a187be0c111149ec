"""What all answers share. Seeds and other 64-bit numbers that a browser would round are strings."""

from datetime import UTC, datetime

from fastapi import Response
from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """One answer of the API."""

    model_config = ConfigDict(frozen=True)


def page_to_keep(html: bytes, *, name: str) -> Response:
    """A page that is a file for its reader to keep: as part of this site it would have its rights."""
    headers = {
        "Content-Disposition": f'attachment; filename="{name}.html"',
        "Content-Security-Policy": "sandbox",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(html, media_type="text/html", headers=headers)


def time_of(seconds: float) -> datetime:
    """Seconds since the epoch as a UTC time."""
    return datetime.fromtimestamp(seconds, UTC)


def time_or_none(seconds: float | None) -> datetime | None:
    """`time_of`, or None for None."""
    return None if seconds is None else time_of(seconds)
