"""What the specs of several kinds of job have in common."""

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from farm.recipe import SEED_LIMIT, TEXTURE_LIMIT

NAME = r"^[a-z0-9][a-z0-9._-]{0,63}$"
"""Names of datasets, runs and cascades: they become parts of storage keys."""
DIGEST = r"^[0-9a-f]{64}$"

ONE_TASK_PX = 4096
"""The largest picture one task paints whole, window by window, with all its pixels in memory (50 MB)."""
MAX_SIZE_PX = 16_384
"""The largest portrait there is; beyond ONE_TASK_PX it is painted in tiles (`giant`)."""


def is_digest(text: str) -> bool:
    """True for a sha256 in hex: where a name may stand too, it means an upload."""
    return re.fullmatch(DIGEST, text, re.ASCII) is not None


def as_float(value: Any) -> Any:
    """Whole numbers are numbers."""
    whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53
    return float(value) if whole else value


Name = Annotated[str, Field(pattern=NAME)]
Digest = Annotated[str, Field(pattern=DIGEST)]
Seed = Annotated[int, Field(ge=0, lt=SEED_LIMIT)]
Number = Annotated[float, BeforeValidator(as_float)]
Texture = Annotated[
    Number | None,
    Field(
        ge=-TEXTURE_LIMIT,
        le=TEXTURE_LIMIT,
        description="skin from smooth (-2) to hairy (2), where the cascade can; None: each portrait its own",
    ),
]
CascadeReference = Annotated[
    str,
    Field(pattern=r"^([0-9a-f]{64}|[a-z0-9][a-z0-9._-]{0,63}(@\d{1,6})?)$", description="name, name@version or digest"),
]


class Spec(BaseModel):
    """A frozen value that refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
