"""What the documents name exists: commands, options, verbs, settings, addresses, files, links, pictures."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from farm.api.roles import ROLES
from farm.settings import Settings
from tests.docs import commands
from tests.docs.markdown import ROOT, Block, all_documents, anchors, blocks, documents, links, name_of, spans

OURS_ELSEWHERE = {"FARM_TESTS_REQUIRE"}
"""Variables that the tests read, and no setting."""
PICTURE_MAX_BYTES = 300_000
PLACES = ("farm", "workers", "tests", "deploy", "docs")
TREE = commands.root()


def blocks_not_run() -> list[Block]:
    return [block for document in documents() for block in blocks(document) if block.not_run and block.language == "sh"]


def every_option(group: object = TREE) -> Iterator[str]:
    yield from ("--help",)
    for command in getattr(group, "commands", {}).values():
        for parameter in command.params:
            yield from (*parameter.opts, *parameter.secondary_opts)
        yield from every_option(command)


@pytest.mark.parametrize("block", blocks_not_run(), ids=lambda block: block.place)
def test_the_parser_takes_every_farm_command_that_is_not_run(block: Block) -> None:
    for arguments in commands.farm_commands(block.body):
        commands.accept(TREE, arguments)


@pytest.mark.parametrize("document", documents(), ids=name_of)
def test_every_farm_command_between_backticks_exists_with_its_options(document: Path) -> None:
    known = set(every_option())
    for span in spans(document):
        if span.startswith("--"):
            assert span.replace("=", " ").split()[0] in known, f"no command has the option {span}"
        for arguments in commands.farm_commands(span) if re.match(r"(?:\w+=\S+ )*farm ", span) else ():
            found = commands.parsed(TREE, arguments)
            given = {word.partition("=")[0] for word in found.rest if re.match(r"--?[a-z]", word)}
            assert given <= found.options, f"`{span}`: {given - found.options} is no option of it"


@pytest.mark.parametrize("document", documents(), ids=name_of)
def test_every_make_verb_exists(document: Path) -> None:
    verbs = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    text = "\n".join([*spans(document), *(block.body for block in blocks(document))])
    assert set(re.findall(r"(?:^|[;&] *)make ([a-z-]+)", text, flags=re.MULTILINE)) <= verbs


@pytest.mark.parametrize("document", documents(), ids=name_of)
def test_every_variable_is_a_setting(document: Path) -> None:
    settings = {f"FARM_{name.upper()}" for name in Settings.model_fields}
    files = {f"{name}_FILE" for name in settings}
    composed = set(re.findall(r"\bFARM_[A-Z0-9_]+", (ROOT / "docker-compose.yml").read_text()))
    named = set(re.findall(r"\bFARM_[A-Z0-9_]*[A-Z0-9]", document.read_text()))
    assert named <= settings | files | composed | OURS_ELSEWHERE


@pytest.mark.parametrize("document", documents(), ids=name_of)
def test_every_address_of_the_api_exists(document: Path) -> None:
    known = [re.sub(r"\{(\w+)\}", lambda name: ".+" if name[1] in ("key", "page") else "[^/]+", each) for each in ROLES]
    for method, path in re.findall(r"`(GET|PUT|POST|DELETE|PATCH) (/[^`?]*)[^`]*`", document.read_text()):
        assert any(re.fullmatch(each, f"{method} {path}") for each in known), f"there is no {method} {path}"


@pytest.mark.parametrize("document", documents(), ids=name_of)
def test_every_path_of_ours_exists(document: Path) -> None:
    for span in spans(document):
        if re.fullmatch(rf"(?:{'|'.join(PLACES)})/[\w./{{}},*-]*", span):
            missing = [each for each in braces(span) if not list(ROOT.glob(f"{each.rstrip('/')}*"))]
            assert not missing, f"`{span}`: {missing} is not there"


@pytest.mark.parametrize("document", all_documents(), ids=name_of)
def test_every_link_leads_somewhere(document: Path) -> None:
    for target in links(document):
        path, _, anchor = target.partition("#")
        there = (document.parent / path).resolve() if path else document
        assert there.exists(), f"{target}: there is no {there}"
        if anchor and there.suffix == ".md":
            assert anchor in anchors(there), f"{target}: no heading makes this anchor"


def test_every_picture_is_small_and_shown() -> None:
    shown = {(each.parent / target).resolve() for each in all_documents() for target in links(each)}
    pictures = {path for path in (ROOT / "docs/images").iterdir() if path.is_file()}
    assert sorted(path.name for path in pictures - shown) == []
    assert [path.name for path in pictures if path.stat().st_size > PICTURE_MAX_BYTES] == []


def braces(path: str) -> list[str]:
    """`a/{b,c}.py` as a/b.py and a/c.py."""
    match = re.match(r"(.*?)\{([^}]*)\}(.*)", path)
    if match is None:
        return [path]
    return [each for part in match[2].split(",") for each in braces(f"{match[1]}{part}{match[3]}")]
