"""The pins name everything the project asks for, at versions its floors allow."""

import re
import tomllib

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.checks.pins import PYPROJECT

CONSTRAINTS = PYPROJECT.with_name("constraints.txt")


def _pins() -> dict[str, str]:
    lines = [line.partition(" ")[0] for line in CONSTRAINTS.read_text().splitlines() if not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}


def _asked() -> list[Requirement]:
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    return [Requirement(line) for line in [*project["dependencies"], *extras] if not line.startswith(project["name"])]


def test_every_requirement_is_pinned_within_its_floor() -> None:
    pins = _pins()
    assert [str(r) for r in _asked() if not r.specifier.contains(pins.get(canonicalize_name(r.name), ""))] == []


def test_every_requirement_has_a_floor_and_a_reason() -> None:
    lines = re.findall(
        r'^ {4}"(?!portrait-farm)[a-z].*$', PYPROJECT.read_text().partition("[project.scripts]")[0], re.M
    )
    assert len(lines) == len(_asked())
    assert [line for line in lines if not re.search(r'>=.*",\s+# \w', line)] == []


def test_pins_are_exact_and_for_any_build() -> None:
    assert all(re.fullmatch(r"[0-9][0-9A-Za-z.]*", version) for version in _pins().values())
