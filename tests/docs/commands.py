"""The `farm` commands that stand in a text, and the real parser's word on them."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from farm.cli.main import make_app

NotTaken = typer.BadParameter.__mro__[2]
"""What the parser raises: the common class of its errors."""
_ENDS = re.compile(r"^(?:[|&;]+|[12&]?>>?.*|<.*)$")
_VARIABLE = re.compile(r"^[A-Za-z_]\w*=")


@dataclass(frozen=True)
class Parsed:
    """How far the parser came: the words it took, the command they name, what is left."""

    path: tuple[str, ...]
    command: TyperCommand | TyperGroup
    rest: tuple[str, ...]

    @property
    def options(self) -> set[str]:
        return {name for each in self.command.params for name in (*each.opts, *each.secondary_opts)} | {"--help", "-h"}


def root() -> TyperGroup:
    """The whole tree."""
    tree = get_command(make_app())
    assert isinstance(tree, TyperGroup)
    return tree


def farm_commands(script: str) -> Iterator[list[str]]:
    """The arguments of every `farm` command in a shell script. Substitutions stay as they are written."""
    for line in script.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|()")
        lexer.whitespace_split = True
        found: list[str] | None = None
        for token in lexer:
            if found is not None and (_ENDS.match(token) or set(token) <= set("();&|")):
                yield found
                found = None
            elif found is not None:
                found.append(token)
            elif token in ("farm", ".venv/bin/farm"):
                found = []
        if found is not None:
            yield found


def parsed(tree: TyperGroup, arguments: list[str]) -> Parsed:
    """Walk down to the command that is meant. Raises AssertionError where there is none."""
    command: TyperCommand | TyperGroup = tree
    path: list[str] = []
    while isinstance(command, TyperGroup) and len(path) < len(arguments) and arguments[len(path)][:1] != "-":
        name = arguments[len(path)]
        found = command.commands.get(name)
        assert isinstance(found, TyperCommand | TyperGroup), f"there is no `farm {' '.join([*path, name])}`"
        command, path = found, [*path, name]
    return Parsed(tuple(path), command, tuple(arguments[len(path) :]))


def accept(tree: TyperGroup, arguments: list[str]) -> None:
    """The parser takes the command, values and all; nothing is carried out. Raises what the parser raises."""
    found = parsed(tree, arguments)
    try:
        found.command.make_context(" ".join(("farm", *found.path)), list(found.rest))
    except typer.Exit:  # --help was asked, and told
        return
