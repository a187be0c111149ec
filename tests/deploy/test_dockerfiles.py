"""The Dockerfiles, as far as they can be judged without building: what they copy, install, run, and as whom."""

import json
import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.deploy.compose import ROOT, compose

FILES = sorted((ROOT / "deploy/docker").glob("*.Dockerfile"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def instructions(path: Path) -> list[tuple[str, str]]:
    """(word, rest) of each instruction, continued lines joined."""
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in joined.splitlines()) if word]


def of(path: Path, word: str) -> list[str]:
    return [rest for each, rest in instructions(path) if each == word]


def test_compose_builds_exactly_these() -> None:
    built = {service["build"]["dockerfile"] for service in compose()["services"].values() if "build" in service}
    assert built == {str(path.relative_to(ROOT)) for path in FILES}


@each_file
def test_everything_it_copies_is_there_and_is_sent_to_the_builder(path: Path) -> None:
    sent = [line[1:].rstrip("/") for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copied = [source for rest in of(path, "COPY") if not rest.startswith("--from") for source in rest.split()[:-1]]
    assert copied
    for source in copied:
        assert (ROOT / source).exists(), source
        assert any(fnmatch(source, one) or source.startswith(f"{one}/") for one in sent), f".dockerignore: {source}"


@each_file
def test_its_base_is_named_by_exact_version(path: Path) -> None:
    for base in of(path, "FROM"):
        assert re.fullmatch(r"[a-z]+:\d+\.\d+\.\d+-[a-z-]+( AS build)?", base), base


@each_file
def test_it_runs_without_rights_and_hears_signals_itself(path: Path) -> None:
    [user] = of(path, "USER")
    assert int(user.partition(":")[0]) > 0
    [command] = of(path, "CMD")
    argv = json.loads(command)  # exec form: no shell stands between
    [served] = {
        tuple(service["command"][: len(argv)])
        for name, service in compose()["services"].items()
        if service.get("build", {}).get("dockerfile") == str(path.relative_to(ROOT)) and name != "flower"
    }
    assert list(served) == argv
    assert of(path, "HEALTHCHECK")


@pytest.mark.parametrize(
    ("name", "extras", "packages"),
    [("api", {"postgres"}, {"farm"}), ("worker", {"postgres", "worker"}, {"farm", "workers"})],
)
def test_it_installs_pinned_what_its_part_of_the_farm_needs(name: str, extras: set[str], packages: set[str]) -> None:
    path = ROOT / f"deploy/docker/{name}.Dockerfile"
    [install] = [rest for rest in of(path, "RUN") if "constraints.txt" in rest]
    [asked] = re.findall(r"\.\[([a-z,]+)\]", install)
    assert set(asked.split(",")) == extras <= PROJECT["optional-dependencies"].keys()
    assert {rest.split()[0] for rest in of(path, "COPY") if rest.split()[0] in ("farm", "workers")} == packages


def test_the_api_image_has_no_torch() -> None:
    lines = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["postgres"]]
    assert not any(line.startswith(("torch", "numpy", "portrait-farm")) for line in lines)
