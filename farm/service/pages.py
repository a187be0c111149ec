"""How much of a list one answer holds."""

from farm.errors import InvalidInput, Problem

PAGE_MAX = 500


def page_size(limit: int) -> int:
    """`limit`, where one answer may hold so many. Raises InvalidInput: a shorter page than asked reads like the end."""
    if not 1 <= limit <= PAGE_MAX:
        raise InvalidInput("the page is too large", problems=[Problem("limit", f"must be 1 to {PAGE_MAX}")])
    return limit
