"""JSON read strictly: every mistake is one CascadeInvalid that names the field."""

from __future__ import annotations

from collections.abc import Mapping

from farm.errors import CascadeInvalid

Json = Mapping[str, object]


def fields_of(value: object, where: str, names: set[str]) -> Json:
    """The fields of an object that has exactly these names. Raises CascadeInvalid naming the others."""
    if not isinstance(value, dict):
        raise CascadeInvalid(f"{where} must be an object")
    wrong = [f"unknown {name!r}" for name in sorted(set(value) - names)]
    wrong += [f"missing {name!r}" for name in sorted(names - set(value))]
    if wrong:
        raise CascadeInvalid(f"{where}: {', '.join(wrong)}")
    return value


def integer(value: object, where: str) -> int:
    """An integer, and no boolean. Raises CascadeInvalid."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise CascadeInvalid(f"{where} must be an integer, not {value!r}")
    return value


def number(value: object, where: str) -> float:
    """A number, and no boolean. Raises CascadeInvalid."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise CascadeInvalid(f"{where} must be a number, not {value!r}")
    return float(value)


def within(field: str, value: int, low: int, high: int) -> None:
    """Raises CascadeInvalid unless low <= value <= high."""
    require(low <= value <= high, field, f"between {low} and {high}")


def require(holds: bool, field: str, wanted: str) -> None:
    """Raises CascadeInvalid unless it holds."""
    if not holds:
        raise CascadeInvalid(f"{field} must be {wanted}")
