"""One bash that is fed block after block, as a person feeds a terminal; and the terminals beside it."""

import os
import re
import select
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from tests.docs.markdown import Block
from tests.services.process import die_with_parent

BLOCK_S = 600.0
"""How long one block may take: far more than any needs, on a machine under load."""
STRICT = "set -eu -o pipefail"
_UNITS = re.compile(r"\d+(?:\\?\.\d+)?(?=(?:\\ )?(?:s|min|h|/s|ms)\b)")


class Terminal:
    """A bash in a folder. Use it as a context manager; what was started beside it ends with it."""

    def __init__(self, *, environment: Mapping[str, str], cwd: Path, scratch: Path) -> None:
        """`scratch`: a folder for scripts and what they say."""
        self._scratch, self._count = scratch, 0
        self.port = environment.get("FARM_API_PORT", "8800")
        self._beside: list[tuple[Block, int]] = []
        self._well = True
        ours, theirs = os.pipe()
        self._answers = os.fdopen(ours, "rb", buffering=0)
        self._bash = subprocess.Popen(
            [*die_with_parent(), "bash", "--noprofile", "--norc"],
            stdin=subprocess.PIPE,
            env={**environment, "ANSWERS": f"/dev/fd/{theirs}"},
            cwd=cwd,
            pass_fds=[theirs],
            text=True,
            start_new_session=True,
        )
        os.close(theirs)

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        ends = {} if self._bash.poll() is not None else {block.place: self._end(pid) for block, pid in self._beside}
        assert self._bash.stdin is not None
        self._bash.stdin.close()
        self._bash.wait(30)
        self._answers.close()
        if error is None and self._well:
            assert set(ends.values()) <= {"0"}, f"what was started beside did not end well: {ends}"

    def run(self, block: Block) -> str:
        """Run one block; what it said, without colours. Raises AssertionError where it does not end as it should."""
        self._well = False
        script, output = self._files(block)
        said = self._beside_it(block, script, output) if block.own_terminal else self._here(block, script, output)
        self._well = True
        return said

    def _here(self, block: Block, script: Path, output: Path) -> str:
        strict = "" if block.exits else STRICT
        script.write_text(f"{strict}\n{block.body}")
        command = f"source {script}" if block.language == "sh" else f"python {self._python(block)}"
        answer = self._feed(f"{command} </dev/null >{output} 2>&1; echo $? >$ANSWERS; set +eu +o pipefail", block)
        said = output.read_text()
        assert answer == str(block.exits), f"{block.place}: {answer or 'it failed'}\n{block.body}\n--- said\n{said}"
        return said

    def _beside_it(self, block: Block, script: Path, output: Path) -> str:
        (command,) = block.body.splitlines()
        assert block.said, f"{block.place}: say in a text block what shows that it is ready"
        script.write_text(f"exec {command}\n")
        keeper = " ".join([*die_with_parent(), "setsid"]).replace("KILL", "TERM")
        pid = self._feed(f"{keeper} bash {script} </dev/null >{output} 2>&1 & echo $! >$ANSWERS", block)
        self._beside.append((block, int(pid)))
        deadline_s = time.monotonic() + BLOCK_S
        while missing := missing_line(block.said, output.read_text()):
            gone = subprocess.run(["kill", "-0", pid], capture_output=True, check=False).returncode
            assert not gone, f"{block.place} ended:\n{output.read_text()}"
            assert time.monotonic() < deadline_s, f"{block.place} never said {missing!r}:\n{output.read_text()}"
            time.sleep(0.05)
        return output.read_text()

    def _files(self, block: Block) -> tuple[Path, Path]:
        self._count += 1
        stem = self._scratch / f"{self._count:02d}"
        output = stem.with_suffix(".out")
        output.touch()
        return stem.with_suffix(".sh"), output

    def _python(self, block: Block) -> Path:
        path = self._scratch / f"{self._count:02d}.py"
        path.write_text(block.body)
        return path

    def _end(self, pid: int) -> str:
        return self._feed(f"kill -TERM {pid}; wait {pid}; echo $? >$ANSWERS", None)

    def _feed(self, line: str, block: Block | None) -> str:
        """Have bash carry out a line; the answer it wrote, empty where the shell itself has ended."""
        assert self._bash.stdin is not None
        self._bash.stdin.write(line + "\n")
        self._bash.stdin.flush()
        deadline_s = time.monotonic() + BLOCK_S
        while not select.select([self._answers], [], [], 0.2)[0]:
            if time.monotonic() > deadline_s:
                self._bash.kill()
                raise AssertionError(f"{block.place if block else line} takes longer than {BLOCK_S:.0f} s")
            if self._bash.poll() is not None:
                return ""
        return self._answers.read(100).decode().strip()


def missing_line(expected: str, said: str) -> str | None:
    """The first line of `expected` that did not come in its turn; None where all came."""
    lines = iter(said.splitlines())
    for wanted in filter(str.strip, expected.splitlines()):
        pattern = _pattern(wanted)
        if not any(pattern.search(" ".join(line.split())) for line in lines):
            return wanted
    return None


def _pattern(line: str) -> re.Pattern[str]:
    exact = re.escape(" ".join(line.split())).replace("…", ".*")
    return re.compile(f"^{_UNITS.sub(lambda _: '[0-9.]+', exact)}$")
