"""Print constraints.txt: the exact version of every package installed beside this one.

What is installed only by hand is left out: a pin is kept when something this project asks for, directly or not, asks
for it. Local builds (`2.13.0+cpu`) are pinned by their public version, so that any machine finds its own build.
"""

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

PYPROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"
HEAD = """\
# Exact versions, installed by `make` and tested together; `make pins` writes this file anew.
# Floors, and why each package is here: pyproject.toml.
"""
BY_HAND = ('async-timeout==5.0.1 ; python_full_version < "3.11.3"  # redis asks for it on Debian 12\'s Python 3.11.2',)

Extras = frozenset[str]

_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)(?:\[([^\]]*)\])?")


def pins(project: Mapping[str, Any]) -> list[str]:
    """`name==version` of all that the `[project]` table asks for, its extras too, as far as it is installed."""
    found: dict[str, str] = {}
    asked = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    _follow(asked, frozenset(), found, set())
    found.pop(_canonical(project["name"]), None)
    return list(found.values())


def _follow(lines: Sequence[str], extras: Extras, found: dict[str, str], seen: set[tuple[str, Extras]]) -> None:
    for name, its_extras in _requirements(lines, extras):
        place = (_canonical(name), its_extras)
        try:
            installed = distribution(name)
        except PackageNotFoundError:
            continue  # for another platform or Python
        if place not in seen:
            seen.add(place)
            found[place[0]] = f"{installed.metadata['Name']}=={installed.version.partition('+')[0]}"
            _follow(installed.requires or [], its_extras, found, seen)


def _requirements(lines: Sequence[str], extras: Extras) -> Iterator[tuple[str, Extras]]:
    for line in lines:
        match = _REQUIREMENT.match(line)
        asked = re.search(r"extra\s*==\s*[\"']([^\"']+)[\"']", line)
        if match and (asked is None or asked[1] in extras):
            yield match[1], frozenset(part.strip() for part in (match[2] or "").split(",") if part.strip())


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _in_order(pin: str) -> str:
    return _canonical(pin.partition("==")[0])


def main() -> int:
    """Print the file."""
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    print(HEAD + "\n".join(sorted([*pins(project), *BY_HAND], key=_in_order)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
