"""The intake list: what a curate job looks at. Photos in order, with the person each shows where that is known.

Unit i of the job is photo i of the list; its bytes are stored under its sha256.
"""

import re
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from farm.errors import InvalidInput, Problem
from farm.recipe import canonical_json

EXTENSIONS = ("jpg", "png", "tif", "webp", "gif", "bmp", "heic", "avif", "jxl", "bin")
MAX_PHOTOS = 10_000_000
_SHOWN_MISTAKES = 20


class IntakePhoto(BaseModel):
    """One photo. `name` is what the user called it; `refused` says in words why its bytes were not taken."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str = Field(min_length=1, max_length=1024)
    sha256: str | None = Field(pattern=r"^[0-9a-f]{64}$")
    ext: str = Field(default="bin", pattern=f"^({'|'.join(EXTENSIONS)})$")
    person: str | None = Field(default=None, max_length=256)
    refused: str | None = Field(default=None, max_length=1024)

    @model_validator(mode="after")
    def _bytes_or_reason(self) -> "IntakePhoto":
        if self.sha256 is None and self.refused is None:
            raise ValueError("give sha256, or say in refused why there are no bytes")
        return self


class Intake(BaseModel):
    """The whole list."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    version: Annotated[int, Field(ge=1, le=1)] = 1
    photos: tuple[IntakePhoto, ...] = Field(min_length=1, max_length=MAX_PHOTOS)

    def to_bytes(self) -> bytes:
        """Canonical JSON: equal lists are equal bytes, stored once."""
        return canonical_json(self.model_dump(mode="json"))


def parse_intake(body: bytes) -> Intake:
    """The list written by `Intake.to_bytes`, or sent by a user.

    Raises InvalidInput naming the wrong entries, the first of them.
    """
    try:
        return Intake.model_validate_json(body)
    except ValidationError as error:
        raise InvalidInput("the list of photos has mistakes", problems=_problems(error.errors())) from error


def _problems(found: Sequence[Any]) -> list[Problem]:
    shown = [
        Problem(".".join(map(str, item["loc"])), item["msg"].removeprefix("Value error, "))
        for item in found[:_SHOWN_MISTAKES]
    ]
    more = len(found) - len(shown)
    return [*shown, Problem("", f"and {more} more mistakes")] if more > 0 else shown


_MAGIC: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("jpg", re.compile(rb"\xff\xd8\xff")),
    ("png", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ("tif", re.compile(rb"II\*\x00|MM\x00\*")),
    ("webp", re.compile(rb"RIFF....WEBP", re.DOTALL)),
    ("gif", re.compile(rb"GIF8[79]a")),
    ("bmp", re.compile(rb"BM")),
    ("heic", re.compile(rb"....ftyp(heic|heix|mif1|msf1|hevc)", re.DOTALL)),
    ("avif", re.compile(rb"....ftyp(avif|avis)", re.DOTALL)),
    ("jxl", re.compile(rb"\xff\x0a|\x00\x00\x00\x0cJXL ")),
)


def extension_of(head: bytes) -> str:
    """The extension that the first 16 bytes of a file speak for, `bin` where they speak for no picture."""
    return next((name for name, pattern in _MAGIC if pattern.match(head)), "bin")
