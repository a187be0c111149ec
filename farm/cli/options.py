"""Options that several commands share."""

from typing import Annotated

import typer


def _priority(value: str) -> int:
    from farm.specs.priorities import parse_priority

    return parse_priority(value)


Priority = Annotated[
    int,
    typer.Option(
        "--priority",
        parser=_priority,
        metavar="P",
        help="bulk, normal, high, urgent, or a number from -100 to 100; higher comes first",
    ),
]
BudgetHours = Annotated[
    float | None,
    typer.Option("--budget-hours", metavar="H", help="device hours the job may use; it pauses when they are used up"),
]
