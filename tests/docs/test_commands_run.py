"""Every command of every document is carried out, in order, as a newcomer would type it."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.docs.machine import make_clone, make_environment, stock_home
from tests.docs.markdown import Block, blocks, documents, name_of
from tests.docs.shell import Terminal, missing_line
from tests.services.process import skip_or_fail
from tests.services.redis import ServiceMissing, redis_program

RUN = ("sh", "python")


def to_run(document: Path) -> list[Block]:
    return [block for block in blocks(document) if block.language in RUN and block.not_run is None]


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """A shell in a fresh clone on a fresh machine."""
    try:
        redis_program()
    except ServiceMissing as error:
        skip_or_fail("redis", error)
    scratch = tmp_path / "said"
    scratch.mkdir()
    clone, home = make_clone(tmp_path), stock_home(tmp_path)
    with Terminal(environment=make_environment(home=home, clone=clone), cwd=clone, scratch=scratch) as terminal:
        yield terminal


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("document", [each for each in documents() if to_run(each)], ids=name_of)
def test_every_command_does_what_the_document_says(document: Path, terminal: Terminal) -> None:
    for block in to_run(document):
        here = on(terminal.port, block)
        said = terminal.run(here)
        if here.said:
            missing = missing_line(here.said, said)
            assert missing is None, f"{block.place} does not say\n    {missing}\nbut\n{said}"


def on(port: str, block: Block) -> Block:
    """The block with the API where it is on this machine."""
    return replace(
        block,
        body=re.sub(r"\b8800\b", port, block.body),
        said=block.said and re.sub(r"\b8800\b", port, block.said),
    )
