"""A farm as a newcomer runs it: `farm up` in a process, commands in others, its API over HTTP."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from farm.cli.api_client import ApiClient
from tests.services.process import lives, skip_or_fail, words_of
from tests.services.redis import ServiceMissing, redis_program

START_S = 120.0
JOB_S = 600.0
COMMAND = "import sys; from farm.cli.main import main; main(sys.argv[1:])"


@pytest.fixture(autouse=True)
def _redis_is_there() -> None:
    try:
        redis_program()
    except ServiceMissing as error:
        skip_or_fail("redis", error)


def environment(home: Path) -> dict[str, str]:
    """Of a command on the farm in `home`: free ports, one torch thread, nothing else of this machine's settings."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FARM_")}
    ours = {"FARM_HOME": str(home), "FARM_API_PORT": "0", "FARM_THREADS": "1"}
    return {**clean, **ours, "FARM_DEVICE": "cpu", "PYTHONUNBUFFERED": "1"}


def started(*arguments: str, env: Mapping[str, str], cwd: Path) -> "subprocess.Popen[str]":
    """A `farm` command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, *arguments],
        env=dict(env),
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def family(process: "subprocess.Popen[str]") -> list[psutil.Process]:
    """Every process below `process`."""
    return psutil.Process(process.pid).children(recursive=True)


def assert_gone(processes: list[psutil.Process]) -> None:
    """None of them runs any more."""
    _, alive = psutil.wait_procs(processes, timeout=15)
    assert [words_of(each) for each in alive if lives(each)] == []


@dataclass(frozen=True)
class RunningFarm:
    """A farm that is up."""

    api: ApiClient
    home: Path
    folder: Path
    process: "subprocess.Popen[str]"

    def cli(self, *arguments: str) -> str:
        """What a command says; it must end well."""
        ended = subprocess.run(
            [sys.executable, "-c", COMMAND, *arguments],
            env=environment(self.home),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=JOB_S,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr + self.logs()
        return ended.stdout

    def submit(self, spec: dict[str, Any]) -> dict[str, Any]:
        """Submit through the API and wait until the job is done."""
        job: dict[str, Any] = self.api.post("/v1/jobs", json=spec)
        deadline_s = time.monotonic() + JOB_S
        while job["state"] != "done":
            assert job["state"] in ("queued", "running", "finishing"), (job, self.logs())
            assert time.monotonic() < deadline_s, (job, self.logs())
            time.sleep(0.2)
            job = self.api.get(f"/v1/jobs/{job['id']}")
        assert job["failed"] == 0
        return job

    def logs(self) -> str:
        """The ends of the farm's logs, for a test that fails."""
        return "".join(f"\n--- {path.name}\n{path.read_text()[-3000:]}" for path in self.home.glob("log/*.log"))


@contextmanager
def farm_up(folder: Path) -> Iterator[RunningFarm]:
    """`farm up`, until the end; then nothing of it may be left."""
    home = folder / "home"
    process = started("up", env=environment(home), cwd=folder)
    try:
        said = _said_until(process, "Ctrl-C here")
        url, key = re.search(r"API +(http\S+)/docs", said), re.search(r"key +(\S+)", said)
        assert url, said
        assert key, said
        with ApiClient(url[1], key=key[1]) as api:
            yield RunningFarm(api=api, home=home, folder=folder, process=process)
        below = family(process)
        process.send_signal(signal.SIGINT)
        process.wait(60)
        assert process.returncode == 0
        assert_gone(below)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(60)
        if process.stdout:
            process.stdout.close()


def _said_until(process: "subprocess.Popen[str]", word: str) -> str:
    assert process.stdout is not None
    said, deadline_s = "", time.monotonic() + START_S
    while word not in said:
        line = process.stdout.readline()
        assert line, f"it ended: {said}"
        assert time.monotonic() < deadline_s, said
        said += line
    return said


@pytest.fixture
def running(tmp_path: Path) -> Iterator[RunningFarm]:
    with farm_up(tmp_path) as farm:
        yield farm
