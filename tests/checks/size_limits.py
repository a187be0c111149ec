"""The size limits of this project, held by reading the syntax tree: short files, short functions, few parameters.

Lines count as they stand, from the first line of a function's signature to its last. Decorators and everything above
them are free. Commands of the command line and routes of the API are exempt from the parameter limit: their parameters
are the user's options.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDERS = ("farm", "workers")
MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 60
MAX_PARAMETERS = 6
MANY_PARAMETERS_ALLOWED = ("farm/cli/", "farm/api/")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Finding:
    """One thing too large, and where."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


def findings(source: str, path: str) -> Iterator[Finding]:
    """What is too large in one file. `path` is relative to the project, with forward slashes."""
    lines = len(source.splitlines())
    if lines > MAX_FILE_LINES:
        yield Finding(path, 1, f"the file has {lines} lines, at most {MAX_FILE_LINES}")
    for node in ast.walk(ast.parse(source, path)):
        if isinstance(node, Function):
            yield from _of_function(node, path)


def _of_function(node: Function, path: str) -> Iterator[Finding]:
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    if lines > MAX_FUNCTION_LINES:
        yield Finding(path, node.lineno, f"{node.name} has {lines} lines, at most {MAX_FUNCTION_LINES}")
    parameters = _parameters(node)
    if len(parameters) > MAX_PARAMETERS and not _is_front_door(node, path):
        message = f"{node.name} has {len(parameters)} parameters, at most {MAX_PARAMETERS}"
        yield Finding(path, node.lineno, message)


def _parameters(node: Function) -> list[str]:
    """Names of all parameters but `self` and `cls`."""
    arguments = node.args
    positional = [a.arg for a in (*arguments.posonlyargs, *arguments.args)]
    rest = [a.arg for a in (*arguments.kwonlyargs, arguments.vararg, arguments.kwarg) if a is not None]
    return [name for index, name in enumerate(positional) if index or name not in ("self", "cls")] + rest


def _is_front_door(node: Function, path: str) -> bool:
    """True for a command or route: public, in a front door's folder, at the top or decorated there."""
    return path.startswith(MANY_PARAMETERS_ALLOWED) and (not node.name.startswith("_") or bool(node.decorator_list))


def main() -> int:
    """Print every finding of the project; 1 when there is one."""
    root = Path(__file__).resolve().parents[2]
    found = [
        finding
        for folder in FOLDERS
        for path in sorted((root / folder).rglob("*.py"))
        for finding in findings(path.read_text(), path.relative_to(root).as_posix())
    ]
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
