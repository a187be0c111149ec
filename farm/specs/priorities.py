"""How urgent a job is: four levels with names, and every whole number between."""

from farm.errors import InvalidInput, Problem

LEVELS = {"bulk": -50, "normal": 0, "high": 50, "urgent": 100}
"""Lowest first."""
LEAST, MOST = -100, 100
STEP = 50
"""From one level to the next. Running work makes way for what is more urgent by as much, and for nothing less."""


def parse_priority(value: str | int) -> int:
    """A level's name or a number, as a number. Raises InvalidInput."""
    text = str(value).strip().lower()
    if text in LEVELS:
        return LEVELS[text]
    digits = text.removeprefix("-").removeprefix("+")
    if digits.isascii() and digits.isdecimal() and len(digits) <= 3 and LEAST <= int(text) <= MOST:
        return int(text)
    told = f"{', '.join(LEVELS)}, or a number from {LEAST} to {MOST}; higher comes first"
    raise InvalidInput("the priority is wrong", problems=[Problem("priority", told)])


def level_of(priority: int) -> int:
    """The highest level that this priority reaches; below the lowest one, the least number there is."""
    return max((level for level in LEVELS.values() if level <= priority), default=LEAST)


def told_priority(priority: int) -> str:
    """For people: the level's name where it is one, else the number."""
    return next((name for name, level in LEVELS.items() if level == priority), str(priority))
