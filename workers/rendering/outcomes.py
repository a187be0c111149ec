"""What becomes of one recipe in the pipeline."""

from dataclasses import dataclass

from farm.errors import FarmError


@dataclass(frozen=True, kw_only=True)
class StoredObject:
    """Where a file lies and what lies there. Whoever loses a race names the stored object's sha256, not its own."""

    key: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """One portrait in storage. `index` counts the recipes of the run; `recipe` is the recipe's digest."""

    index: int
    recipe: str
    key: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class Failed:
    """One recipe that raised, with the error in words. Its neighbours stay."""

    index: int
    recipe: str
    error: str


Outcome = Rendered | Failed


def words(error: BaseException) -> str:
    """An error as one line for the record."""
    text = " ".join(str(error).split())[:500]
    return text if isinstance(error, FarmError) and text else f"{type(error).__name__}: {text}".rstrip(": ")
