"""How lines look: one a record whatever is in it, with ids, without secrets."""

import io
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextvars import copy_context
from pathlib import Path

import pytest

from farm import logs
from farm.settings import Settings

_log = logging.getLogger("tests.farm.logs")


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """What the root logger's own handler writes to; everything is as it was afterwards."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    levels = {name: logging.getLogger(name).level for name in logs._QUIETER}
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    logging.captureWarnings(False)


def speaking(tmp_path: Path, stream: io.StringIO, **told: str) -> None:
    logs.set_up(Settings.model_validate({"home": tmp_path, **told}), stream=stream, worker="easel")


def test_text_is_one_line_with_the_ids(tmp_path: Path, stream: io.StringIO) -> None:
    speaking(tmp_path, stream)
    with logs.about(job=17, task=31, attempt=2, kind="render"):
        _log.info("hello %s", "world")
    _log.debug("not this")
    [line] = stream.getvalue().splitlines()
    assert line[10] == " " and line[19:] == "Z INFO job=17 task=31 attempt=2: hello world"


def test_json_is_one_object_with_everything(tmp_path: Path, stream: io.StringIO) -> None:
    speaking(tmp_path, stream, log_format="json")
    with logs.about(job=17, kind="render"):
        _log.warning("hello", extra={logs.FIELDS: {"status": 200}})
    told = json.loads(stream.getvalue())
    assert told.pop("time").endswith("Z")
    assert told == {
        "level": "warning", "logger": "tests.farm.logs", "message": "hello", "worker": "easel", "job": 17,
        "kind": "render", "status": 200,
    }  # fmt: skip


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize(
    "evil", ["a\nb", "a\r\nb", "a\x1b[2Kb", "a\u2028b", "a\x85b", "a\u202eb", "a\x00b", "a\udcffb"]
)
def test_no_text_ends_its_line_or_hides_another(tmp_path: Path, stream: io.StringIO, form: str, evil: str) -> None:
    speaking(tmp_path, stream, log_format=form)
    with logs.about(key=evil):
        _log.info("sent: %s", evil)
    written = stream.getvalue()
    assert len(written.splitlines()) == 1
    assert not set(written[:-1]) & set("\n\r\x1b\u2028\x85\u202e\x00\udcff")
    written.encode()


def test_a_traceback_stands_behind_a_bar_and_cannot_forge_a_line(tmp_path: Path, stream: io.StringIO) -> None:
    speaking(tmp_path, stream)
    try:
        raise ValueError("no\n2026-01-01 00:00:00Z ERROR forged")
    except ValueError:
        _log.exception("it failed")
    first, *rest = stream.getvalue().splitlines()
    assert first.endswith("ERROR it failed")
    assert all(line.startswith("  | ") for line in rest)
    assert "  | ValueError: no" in rest


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("redis://:hunter2@host:6379/0 is away", "redis://:***@host:6379/0 is away"),
        ("postgresql+psycopg://farm:p@ss@db/farm", "postgresql+psycopg://farm:***@db/farm"),
        ("GET http://host:8800/v1/cascades/demo@1", "GET http://host:8800/v1/cascades/demo@1"),
        ("Authorization: Bearer abcdefgh12345678", "Authorization: Bearer ***"),
        ("authorization: basic ZmFybTpzZWNyZXQ=", "authorization: basic ***"),
        ("a bearer of news", "a bearer of news"),
    ],
)
def test_secrets_are_masked(text: str, shown: str) -> None:
    assert logs.masked(text) == shown


def test_ids_reach_threads_with_the_context_and_end_with_the_work() -> None:
    seen: list[object] = []
    with logs.about(job=1):
        with logs.about(task=2):
            logs.note(key="me")
            context = copy_context()
            thread = threading.Thread(target=context.run, args=(lambda: seen.append(logs.ids()),))
            thread.start()
            thread.join()
        seen.append(logs.ids())
    seen.append(logs.ids())
    logs.note(job=9)
    assert seen == [{"job": 1, "task": 2, "key": "me"}, {"job": 1}, {}]
    assert logs.ids() == {}


def test_others_who_set_their_loggers_up_do_not_double_lines(tmp_path: Path, stream: io.StringIO) -> None:
    other = logging.getLogger("tests.other")
    other.addHandler(logging.StreamHandler(stream))
    other.propagate = False
    speaking(tmp_path, stream)
    other.warning("once")
    assert stream.getvalue().count("once") == 1


def test_the_level_is_the_settings(tmp_path: Path, stream: io.StringIO) -> None:
    speaking(tmp_path, stream, log_level="error")
    _log.warning("not this")
    _log.error("this")
    assert stream.getvalue().count("this") == 1


def test_flower_speaks_in_the_farms_way(tmp_path: Path) -> None:
    code = "import logging, farm.queue; farm.queue.app; logging.getLogger('tornado.access').warning('hello')"
    environment = {"FARM_HOME": str(tmp_path), "FARM_REDIS_URL": "redis://:pw@127.0.0.1:1/0", "FARM_LOG_FORMAT": "json"}
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert json.loads(ended.stderr)["message"] == "hello"
