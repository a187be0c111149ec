"""The services the tests stand on do what the fixtures promise."""

import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.services.postgres import PostgresCluster
from tests.services.process import ServiceMissing, free_ports, skip_or_fail
from tests.services.redis import RedisServer


def test_redis_answers_and_starts_empty(redis_url: str, shared_redis: RedisServer) -> None:
    with shared_redis.client() as client:
        assert client.keys("*") == []
        client.set("left over", "1")


def test_redis_is_wiped_between_tests(redis_url: str, shared_redis: RedisServer) -> None:
    with shared_redis.client() as client:
        assert client.get("left over") is None


def test_a_killed_redis_comes_back_on_its_port(redis_server: RedisServer) -> None:
    redis_server.kill()
    assert not redis_server.answers()
    redis_server.start()
    assert redis_server.answers()


def test_postgres_gives_each_test_an_empty_database(postgres_url: str) -> None:
    with psycopg.connect(postgres_url.replace("+psycopg", "")) as connection:
        row = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
    assert row == (0,)


def test_a_killed_postgres_keeps_what_was_committed(postgres_cluster: PostgresCluster) -> None:
    postgres_cluster.execute("CREATE TABLE kept (n int)")
    postgres_cluster.kill()
    postgres_cluster.start()
    postgres_cluster.execute("INSERT INTO kept VALUES (1)")


def test_a_missing_service_skips_with_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FARM_TESTS_REQUIRE", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no s3: RGW is not installed"):
        skip_or_fail("s3", ServiceMissing("RGW is not installed"))


def test_a_required_service_that_is_missing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FARM_TESTS_REQUIRE", "redis, s3")
    with pytest.raises(pytest.fail.Exception, match="RGW is not installed"):
        skip_or_fail("s3", ServiceMissing("RGW is not installed"))


def test_free_ports_differ() -> None:
    assert len(set(free_ports(20))) == 20


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's own")
def test_services_go_when_the_session_is_interrupted_or_killed(tmp_path: Path, how: int) -> None:
    """Given a session whose test holds Redis, When it gets Ctrl-C or is killed, Then Redis is gone soon after."""
    inner = tmp_path / "test_inner.py"
    inner.write_text(
        textwrap.dedent(
            f"""
            import time, pathlib
            def test_hold(redis_url, shared_redis):
                pathlib.Path({str(tmp_path / "pid.tmp")!r}).write_text(str(shared_redis.pid))
                pathlib.Path({str(tmp_path / "pid.tmp")!r}).rename({str(tmp_path / "pid")!r})
                time.sleep(60)
            """
        )
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-p", "no:cacheprovider", str(inner)]
    session = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait(lambda: (tmp_path / "pid").exists())
        redis_pid = int((tmp_path / "pid").read_text())
        session.send_signal(how)
        session.wait(30)
        _wait(lambda: not _alive(redis_pid))
    finally:
        session.kill()
        session.wait()


def _alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    # A zombie waits for whoever adopted it; it holds no port any more.
    return "State:\tZ" not in status


def _wait(ready: Callable[[], bool], timeout_s: float = 40.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not ready():
        assert time.monotonic() < deadline_s, "waited too long"
        time.sleep(0.05)
