"""The checks on documents find what they are for."""

from pathlib import Path

import pytest

from tests.docs import commands
from tests.docs.markdown import blocks, spans
from tests.docs.shell import Terminal, missing_line

DOCUMENT = """# Title

<!-- exits 2 -->
```sh
sh -c 'echo two; exit 2'
```

```text
two
```

<!-- not run: no such machine -->
```sh
farm jobs 5 | head
```
"""


@pytest.fixture
def document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tests.docs.markdown.ROOT", tmp_path)
    path = tmp_path / "page.md"
    path.write_text(DOCUMENT)
    return path


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(environment={"PATH": "/usr/bin:/bin"}, cwd=tmp_path, scratch=tmp_path)


def test_blocks_come_with_what_is_said_of_them(document: Path) -> None:
    first, text, last = blocks(document)

    assert (first.exits, first.said, first.line) == (2, "two\n", 4)
    assert text.language == "text"
    assert (last.not_run, last.said) == ("no such machine", None)
    assert spans(document) == []


def test_a_command_that_ends_otherwise_is_found(document: Path, terminal: Terminal) -> None:
    block = blocks(document)[0]
    with terminal:
        assert terminal.run(block) == "two\n"
        with pytest.raises(AssertionError, match=r"page.md:4"):
            terminal.run(type(block)(**{**vars(block), "exits": 0}))


def test_variables_and_folder_carry_over_from_block_to_block(document: Path, terminal: Terminal) -> None:
    block = blocks(document)[0]
    with terminal:
        for body, said in (("mkdir a; cd a; mine=5\n", ""), ('echo "$mine" in "${PWD##*/}"\n', "5 in a\n")):
            assert terminal.run(type(block)(**{**vars(block), "exits": 0, "body": body})) == said


def test_a_line_in_the_middle_that_fails_is_found(document: Path, terminal: Terminal) -> None:
    block = blocks(document)[0]
    with terminal, pytest.raises(AssertionError, match=r"page.md:4"):
        terminal.run(type(block)(**{**vars(block), "exits": 0, "body": "false\ntrue\n"}))


@pytest.mark.parametrize(
    ("expected", "missing"),
    [
        ("job 1 done in 3 s", None),
        ("job 1 …", None),
        ("job 2 done in 3 s", "job 2 done in 3 s"),
        ("24 photos  kept\njob 1 …", "job 1 …"),
        ("photos kept", "photos kept"),
    ],
)
def test_what_a_command_says_is_compared_line_by_line(expected: str, missing: str | None) -> None:
    assert missing_line(expected, "job 1 done in 12.5 s\n  24 photos kept\n") == missing


def test_farm_commands_are_found_between_others() -> None:
    script = "A=1 farm jobs --state \\\n running | head; farm watch 5 >file && sudo farm doctor  # farm up\n"

    assert list(commands.farm_commands(script)) == [["jobs", "--state", "running"], ["watch", "5"], ["doctor"]]


@pytest.mark.parametrize(
    "arguments", [["jbos"], ["watch", "five"], ["render", "demo", "--sizes", "3"], ["cascade", "x"]]
)
def test_a_command_that_does_not_exist_is_found(arguments: list[str]) -> None:
    with pytest.raises((AssertionError, commands.NotTaken)):
        commands.accept(commands.root(), arguments)
