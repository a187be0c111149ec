"""Run as a program: import every module of a package, and tell what importing it did besides.

usage: importer.py ROOT PACKAGE [BARRED ...]

Counted are reads of the environment by lines below ROOT (what a library reads is its own affair), and files written,
folders made, processes started and connections opened by anybody. Libraries named BARRED cannot be imported. Prints
the names imported as JSON and ends with 0; or what was done, and ends with 1.
"""

import importlib
import json
import os
import pkgutil
import sys
import threading
from typing import Any, NoReturn

FORBIDDEN = ("os.mkdir", "os.fork", "os.posix_spawn", "os.system", "subprocess.Popen", "socket.connect")
SCRIPTS = (".__main__", ".migrations.env")
"""Run, not imported; the second by Alembic, inside a migration."""
STEPS = ("/os.py", "/_collections_abc.py", "<frozen os>", "<frozen _collections_abc>")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Barrier:
    """A finder that stands before all others and refuses some names."""

    def __init__(self, barred: set[str]) -> None:
        self._barred = barred

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.partition(".")[0] in self._barred:
            raise ImportError(f"{name} is barred")


def watch(root: str) -> list[str]:
    """From now on, what must not be done is added to the list this returns."""
    done: list[str] = []

    class Watched(type(os.environ)):  # type: ignore[misc]
        def __getitem__(self, name: str) -> Any:
            reader = _reader()
            if reader.startswith(root):
                done.append(f"{reader} read the variable {name}")
            return super().__getitem__(name)

        def __setitem__(self, name: str, value: str) -> None:
            writer = _reader()
            if writer.startswith(root):
                done.append(f"{writer} set the variable {name}")
            super().__setitem__(name, value)

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and _writes(*arguments):
            done.append(f"{arguments[0]} was opened for writing")
        elif event in FORBIDDEN:
            done.append(f"{event} {arguments!r:.200}")

    os.environ.__class__ = Watched
    sys.addaudithook(audit)
    return done


def _writes(path: object, mode: object, flags: int) -> bool:
    if not isinstance(path, str) or path.startswith("/dev/"):
        return False
    return any(letter in mode for letter in "wax+") if isinstance(mode, str) else bool(flags & WRITING)


def _reader() -> str:
    """The file whose line asked for the variable, beyond the standard library's own steps."""
    frame = sys._getframe(2)
    while frame.f_back and frame.f_code.co_filename.endswith(STEPS):
        frame = frame.f_back
    return frame.f_code.co_filename


def main(root: str, package: str, *barred: str) -> NoReturn:
    """Import it all, and exit."""
    sys.path[0] = root
    done = watch(root + "/" + package)
    sys.meta_path.insert(0, Barrier(set(barred)))
    path = importlib.import_module(package).__path__
    names = [package, *(module.name for module in pkgutil.walk_packages(path, package + "."))]
    for name in names:
        if not name.endswith(SCRIPTS):
            importlib.import_module(name)
        if done:
            sys.exit(f"{name}: {done}")
    if threading.active_count() > 1:
        sys.exit(f"threads were left running: {threading.enumerate()}")
    print(json.dumps(names))
    sys.exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
