"""The walls that no linter holds: what farm/ may need, what an import may do, what the words of the project are."""

import ast
import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import farm.errors
from farm.errors import FarmError

ROOT = Path(__file__).resolve().parents[1]

BARRED = ("torch", "numpy", "cv2", "pyarrow", "PIL", "safetensors", "isal", "av")

IMPORTER = ROOT / "tests/checks/importer.py"


def _imported(package: str, *, barred: tuple[str, ...]) -> list[str]:
    """Names of all modules of the package, each imported in a fresh process; fails with what went wrong there."""
    done = subprocess.run(
        [sys.executable, "-B", "-W", "error", str(IMPORTER), str(ROOT), package, *barred],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, f"importing {package}: {done.stdout}{done.stderr}"
    return [str(name) for name in json.loads(done.stdout)]


def test_all_of_farm_imports_without_any_library_of_pixels_and_without_side_effects() -> None:
    names = _imported("farm", barred=BARRED)
    assert len(names) == len(list((ROOT / "farm").rglob("*.py")))


def test_all_of_workers_imports_without_side_effects() -> None:
    assert "workers.cascade" in _imported("workers", barred=("tensorflow", "jax"))


def test_the_importer_sees_what_an_import_must_not_do(tmp_path: Path) -> None:
    """Given packages that misbehave, Then each is caught: this check of the check keeps the two above honest."""
    wrongs = {
        "writes": "open('left.txt', 'w').close()",
        "reads": "import os; os.environ.get('FARM_HOME')",
        "getenv": "import os; os.getenv('HOME')",
        "folder": "import pathlib; pathlib.Path('new').mkdir()",
        "starts": "import subprocess; subprocess.run(['true'])",
        "thread": "import threading, time; threading.Thread(target=time.sleep, args=(1,)).start()",
        "torch": "import torch.nn",
    }
    for name, line in wrongs.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("")
        (tmp_path / name / "inner.py").write_text(line)
        done = subprocess.run(
            [sys.executable, "-B", str(IMPORTER), str(tmp_path), name, *BARRED],
            cwd=tmp_path,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode != 0, name


def _errors(root: type[FarmError]) -> list[type[FarmError]]:
    return [root, *(found for child in root.__subclasses__() for found in _errors(child))]


def test_every_error_says_in_its_own_words_when_it_is_raised() -> None:
    docs = [error.__doc__ for error in _errors(FarmError)]
    assert all(docs)
    assert len(set(docs)) == len(docs)


def test_every_error_lives_in_the_tree_that_is_drawn_above_it() -> None:
    """The drawing names every class, with the class it stands under and its true HTTP status."""
    drawing = farm.errors.__doc__ or ""
    drawn: dict[str, tuple[str, int]] = {}
    above = ["FarmError"]
    for line in drawing.splitlines():
        match = re.match(r"([│ ]*)[├└]── (\w+)\s+(\d{3})\b", line)
        if match:
            depth = len(match[1]) // 4 + 1
            drawn[match[2]] = (above[depth - 1], int(match[3]))
            above[depth:] = [match[2]]
    real = {error.__name__: (error.__bases__[0].__name__, error.http_status) for error in _errors(FarmError)[1:]}
    assert drawn == real
    assert all(error.__module__ == "farm.errors" for error in _errors(FarmError))


def _files(*endings: str) -> list[Path]:
    """Every text file of the project that git knows or would take."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=30)
    if done.returncode:
        pytest.skip("this is no git checkout")
    paths = [ROOT / name for name in done.stdout.split("\0") if name]
    return [p for p in paths if p.is_file() and (p.suffix in endings if endings else _is_text(p))]


def _is_text(path: Path) -> bool:
    with path.open("rb") as file:
        return b"\0" not in file.read(4096)


def test_the_project_speaks_of_itself_alone() -> None:
    """No path or word that means something only on the machine where a change was made."""
    foreign = re.compile(
        textwrap.dedent(
            r"""
            /wor[k]/ | /roo[t]/ | /tm[p]/brief | \.librar[y]\b | share[d]/hooks | \.\./share[d]
            | \b(DESIG[N]|LEDGE[R]|RECIPE[S])\.md | \bissue\s[#]?\d | \bsub-?agen[t] | \bAI\sassistan[t] | Claud[e]
            """
        ),
        re.VERBOSE,
    )
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in _files()
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if foreign.search(line)
    ]
    assert found == []


def test_nothing_is_ever_unpickled() -> None:
    """Weights are safetensors, configurations JSON: no import of pickle or its kin, no torch.load, no allow_pickle."""
    found = [
        f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
        for path in _files(".py")
        if path.relative_to(ROOT).parts[0] in ("farm", "workers")
        for node in ast.walk(ast.parse(path.read_text()))
        if _unpickles(node)
    ]
    assert found == []


def _unpickles(node: ast.AST) -> bool:
    pickles = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
    match node:
        case ast.Import(names=names):
            return any(name.name.partition(".")[0] in pickles for name in names)
        case ast.ImportFrom(module=str(module)):
            return module.partition(".")[0] in pickles
        case ast.Attribute(value=ast.Name(id="torch"), attr="load"):
            return True
        case ast.keyword(arg="allow_pickle", value=ast.Constant(value=value)):
            return bool(value)
    return False
