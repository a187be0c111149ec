"""Reads our Markdown: blocks of code with what is said about them, code between backticks, links."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FENCE = "```"
_COMMENT = re.compile(r"<!-- *(?P<word>own terminal|exits (?P<code>\d+)|not run: (?P<reason>\S.*?)) *-->$")
_LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block. `line` is the fence's. said: the text block right after it, if there is one."""

    document: str
    line: int
    language: str
    body: str
    said: str | None = None
    own_terminal: bool = False
    exits: int = 0
    not_run: str | None = None

    @property
    def place(self) -> str:
        return f"{self.document}:{self.line}"


def documents() -> list[Path]:
    """README and what lies directly in docs/: their commands are run."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def all_documents() -> list[Path]:
    """Every Markdown file that links may stand in."""
    return [*documents(), ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*/*.md")), *ROOT.glob("deploy/**/*.md")]


def name_of(document: Path) -> str:
    return document.relative_to(ROOT).as_posix()


def blocks(document: Path) -> list[Block]:
    """All fenced blocks, in order, each with the comment before it and the output after it."""
    raw = list(_fenced(document.read_text().splitlines(), name_of(document)))
    found = []
    for at, (block, end) in enumerate(raw):
        after = raw[at + 1] if at + 1 < len(raw) else None
        follows = after is not None and after[0].language == "text" and after[0].line <= end + 2
        said = after[0].body if after is not None and follows and block.language in ("sh", "python") else None
        found.append(Block(**{**vars(block), "said": said}))
    return found


def _fenced(lines: list[str], name: str) -> Iterator[tuple[Block, int]]:
    at = 0
    while at < len(lines):
        if not lines[at].startswith(FENCE):
            at += 1
            continue
        end = lines.index(FENCE, at + 1)
        comment = _COMMENT.match(lines[at - 1]) if at else None
        said = comment.groupdict() if comment else {}
        yield (
            Block(
                document=name,
                line=at + 1,
                language=lines[at].removeprefix(FENCE),
                body="\n".join(lines[at + 1 : end]) + "\n",
                own_terminal=said.get("word") == "own terminal",
                exits=int(said.get("code") or 0),
                not_run=said.get("reason"),
            ),
            end + 1,
        )
        at = end + 1


def prose(document: Path) -> str:
    """The document without its fenced blocks."""
    return re.sub(rf"^{FENCE}.*?^{FENCE}$", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)


def spans(document: Path) -> list[str]:
    """What stands between single backticks, outside of blocks."""
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose(document))]


def links(document: Path) -> list[str]:
    """Targets of links and pictures that lead to files of ours, or to places in this one."""
    targets = (match["target"] for match in _LINK.finditer(prose(document)))
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


def anchors(document: Path) -> set[str]:
    """The anchors that headings make, as GitHub forms them."""
    headings = re.findall(r"^#+ +(.+)$", prose(document), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
