"""What reviewers decided, as an object in storage that a reverdict job names by its sha256."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from farm.errors import InvalidInput, Problem
from farm.recipe import canonical_json

Label = Literal["keep", "drop"]


class Labels(BaseModel):
    """One label for each photo that somebody decided about, by the photo's sha256."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    version: Annotated[int, Field(ge=1, le=1)] = 1
    labels: Mapping[Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")], Label]

    def to_bytes(self) -> bytes:
        """Canonical JSON: equal labels are equal bytes, stored once."""
        return canonical_json(self.model_dump(mode="json"))


def parse_labels(body: bytes) -> Labels:
    """What `Labels.to_bytes` wrote. Raises InvalidInput naming what is wrong."""
    try:
        return Labels.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        problem = Problem(".".join(map(str, first["loc"])), first["msg"])
        raise InvalidInput("this is no object of reviewers' labels", problems=[problem]) from error
