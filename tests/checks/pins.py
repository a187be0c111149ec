"""Print constraints.txt: the exact version of every package installed beside this one.

What is installed only by hand is left out: a pin is kept when something this project asks for, directly or not, asks
for it. Local builds (`2.13.0+cpu`) are pinned by their public version, so that any machine finds its own build.
"""

import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution

PROJECT = "portrait-farm"
EXTRAS = frozenset({"dev", "postgres", "embedded", "worker"})
HEAD = """\
# Exact versions, installed by `make` and tested together; `make pins` writes this file anew.
# Floors, and why each package is here: pyproject.toml.
"""
BY_HAND = ('async-timeout==5.0.1 ; python_full_version < "3.11.3"  # redis asks for it on Debian 12\'s Python 3.11.2',)

_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)(?:\[([^\]]*)\])?")


def pins() -> list[str]:
    """`name==version` of all that is needed."""
    found: dict[str, str] = {}
    _follow(PROJECT, EXTRAS, found)
    found.pop(_canonical(PROJECT))
    return list(found.values())


def _follow(
    name: str, extras: frozenset[str], found: dict[str, str], seen: set[tuple[str, frozenset[str]]] | None = None
) -> None:
    seen = set() if seen is None else seen
    if (_canonical(name), extras) in seen:
        return
    seen.add((_canonical(name), extras))
    try:
        installed = distribution(name)
    except PackageNotFoundError:
        return  # for another platform or Python
    found[_canonical(name)] = f"{installed.metadata['Name']}=={installed.version.partition('+')[0]}"
    for needed, its_extras in _requirements(installed.requires or [], extras):
        _follow(needed, its_extras, found, seen)


def _requirements(lines: list[str], extras: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
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
    print(HEAD + "\n".join(sorted([*pins(), *BY_HAND], key=_in_order)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
