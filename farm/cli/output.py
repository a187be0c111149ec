"""How the command line speaks: plain lines, tables, JSON."""

import dataclasses
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import Enum
from typing import Any

import typer

PIPE_WIDTH = 400


def examples(*lines: str) -> str:
    """The end of a command's help. Each line is a command as one types it."""
    return "[bold]Examples[/]\n\n" + "\n\n".join(f"  {line}" for line in lines)


def say(text: str) -> None:
    """One line for a person."""
    typer.echo(text)


def say_json(value: Any) -> None:
    """A value for a program: dataclasses as objects, states as their words."""
    typer.echo(json.dumps(plain(value), indent=2, ensure_ascii=False))


def plain(value: Any) -> Any:
    """The value as JSON knows it."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
    """Rows under their headings, or one line where there are none."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        drawn.add_row(*(Text(str(cell)) for cell in row))
    if drawn.row_count == 0:
        say(empty)
    else:
        # A pipe has no edge to wrap at.
        Console(width=None if sys.stdout.isatty() else PIPE_WIDTH).print(drawn)


@contextmanager
def counting(what: str, total: int | None) -> Iterator[Callable[[], None]]:
    """A bar on a terminal, nothing elsewhere; call what it gives once for each thing done."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda: None
        return
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task(what, total=total)
        yield lambda: progress.advance(bar)


def counted(count: int, thing: str) -> str:
    """1 portrait, 1,000 portraits."""
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"


def when(seconds: float | None) -> str:
    """Seconds since the epoch as a local time to the minute; empty for None."""
    return "" if seconds is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def duration(seconds: float | None) -> str:
    """Seconds as 4 s, 3 min, 2 h 05 min; empty for None."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
