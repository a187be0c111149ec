"""Help: quick, complete, and with examples."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from farm.cli.main import make_app
from tests.farm.cli.conftest import Farm

HEAVY = ("torch", "numpy", "sqlalchemy", "fastapi", "celery", "kombu", "pydantic", "httpx", "boto3", "alembic")
EXPECTED = {
    "demo", "up", "worker", "flower", "doctor", "settings",
    "render", "estimate", "verify", "jobs", "failures", "watch", "cancel", "pause", "resume", "retry", "logs",
    "delete", "gc", "star", "unstar", "extend", "export",
    "dataset add", "dataset list", "dataset show", "dataset policy", "dataset reverdict",
    "dataset compare", "dataset report", "train base", "train upscaler", "train presets", "train list",
    "train report", "train compare", "train sweep", "train show", "train log", "train tensorboard", "train film",
    "train stop",
    "keys create", "keys list", "keys revoke", "keys share", "keys quota", "keys usage", "why", "priority", "budget",
    "cascade assemble", "cascade export", "cascade import", "cascade list", "cascade onnx", "cascade show", "film",
    "print", "upscale", "rank", "promote", "evaluate", "compare", "certify", "dataset review",
}  # fmt: skip


def commands(group: TyperGroup, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from commands(command, (*before, name))
        else:
            yield (*before, name)


def tree() -> list[tuple[str, ...]]:
    root = get_command(make_app())
    assert isinstance(root, TyperGroup)
    return list(commands(root))


def test_all_verbs_are_there() -> None:
    assert {" ".join(path) for path in tree()} == EXPECTED


@pytest.mark.parametrize("path", tree(), ids=" ".join)
def test_every_command_shows_examples_of_itself(farm: Farm, path: tuple[str, ...]) -> None:
    said = farm(*path, "--help")

    assert said.code == 0
    examples = said.out.partition("Examples")[2]
    assert f"farm {' '.join(path)}" in examples


def test_help_imports_nothing_heavy() -> None:
    code = f"""
import sys
from farm.cli.main import main
try:
    main(["--help"])
except SystemExit:
    pass
loaded = [name for name in {HEAVY!r} if name in sys.modules]
sys.exit(f"loaded {{loaded}}" if loaded else 0)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert "photographs in, portraits out" in " ".join(ended.stdout.replace("\n", " ").split())


def test_help_of_a_command_imports_nothing_heavy_either() -> None:
    # Typer itself takes pydantic where it is installed, to read the parameters of a command.
    heavy = set(HEAVY) - {"pydantic"}
    code = f"""
import sys
from farm.cli.main import main
try:
    main(["render", "--help"])
except SystemExit:
    pass
sys.exit(any(name in sys.modules for name in {heavy!r}))
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=False).returncode == 0


def test_completion_is_offered(monkeypatch: pytest.MonkeyPatch, farm: Farm) -> None:
    monkeypatch.setenv("_FARM_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "farm ca")
    monkeypatch.setenv("COMP_CWORD", "1")

    said = farm()

    assert set(said.out.split()) == {"cancel", "cascade"}
