"""How every process of the farm speaks: one line a record, as text for people or as JSON for programs.

The ids of what is being worked on (job, task, attempt; or request and key) stand in a context variable, so that every
line said inside carries them, whoever says it. A message is one line whatever is in it, and passwords in addresses
and keys in headers are masked.
"""

import json
import logging
import re
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, TextIO

from farm.settings import Settings

_about: ContextVar[dict[str, Any]] = ContextVar("about")

SHOWN_IN_TEXT: Final = ("job", "task", "attempt", "request", "key")
"""Ids a text line shows; JSON has all of them."""
FIELDS: Final = "fields"
"""Name under which a record brings more fields for JSON: `_log.info("…", extra={FIELDS: {"status": 200}})`."""

_QUIETER: Final = {
    "alembic": logging.WARNING,
    "botocore": logging.WARNING,
    "boto3": logging.WARNING,
    "httpx": logging.WARNING,
    "uvicorn.access": logging.WARNING,  # the API tells its requests itself
    "celery.worker.strategy": logging.WARNING,  # "received" and "succeeded" of each ticket: the runner tells the task
    "celery.app.trace": logging.WARNING,
}
"""What others say at INFO for every request or ticket, and nobody needs beside our own lines."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_PASSWORD = re.compile(r"(://[^\s/@:]*):[^\s/]*@")
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}")


@contextmanager
def about(**ids: Any) -> Iterator[None]:
    """Every line said inside, in this thread and in those that get a copy of its context, carries these ids."""
    token = _about.set(_about.get({}) | ids)
    try:
        yield
    finally:
        _about.reset(token)


def note(**ids: Any) -> None:
    """More ids for the innermost `about`, from now on; nothing where none is open."""
    _about.get({}).update(ids)


def ids() -> Mapping[str, Any]:
    """What is being worked on here."""
    return dict(_about.get({}))


def set_up(settings: Settings, *, stream: TextIO | None = None, **always: Any) -> None:
    """Let this process speak in the farm's way, to standard error unless told otherwise; `always` are fields of every
    line. Loggers that others set up lose their own handlers, so that no line comes twice. Call it once, at the start.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines(always) if settings.log_format == "json" else TextLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    for logger in [each for each in root.manager.loggerDict.values() if isinstance(each, logging.Logger)]:
        logger.handlers.clear()
        logger.propagate = True
    if settings.log_level != "debug":
        for name, level in _QUIETER.items():
            logging.getLogger(name).setLevel(level)
    logging.captureWarnings(True)


class JsonLines(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, message; what is always so; ids; the record's own fields."""

    def __init__(self, always: Mapping[str, Any]) -> None:
        super().__init__()
        self._always = dict(always)

    def format(self, record: logging.LogRecord) -> str:
        value = {
            "time": _time_of(record, "%Y-%m-%dT%H:%M:%S") + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": message_of(record),
            **self._always,
            **_about.get({}),
            **getattr(record, FIELDS, {}),
        }
        trace = trace_of(record)
        return json.dumps(value | ({"trace": trace} if trace else {}), default=str)


class TextLines(logging.Formatter):
    """`2026-11-22 19:03:17Z INFO job=17 task=31 attempt=1: …`, and a traceback's lines behind a bar."""

    def format(self, record: logging.LogRecord) -> str:
        known = _about.get({})
        of = " ".join(f"{name}={one_line(str(known[name]))}" for name in SHOWN_IN_TEXT if name in known)
        trace = "".join(f"\n  | {line}" for line in trace_of(record).splitlines())
        head = f"{_time_of(record, '%Y-%m-%d %H:%M:%SZ')} {record.levelname}"
        return f"{head} {of}{': ' if of else ''}{message_of(record)}{trace}"


def message_of(record: logging.LogRecord) -> str:
    """What the record says, as one line without secrets."""
    return masked(one_line(record.getMessage()))


def trace_of(record: logging.LogRecord) -> str:
    """The traceback, line by line, without secrets; empty where there is none."""
    if not record.exc_info or record.exc_info[0] is None:
        return ""
    return masked("\n".join(map(one_line, logging.Formatter().formatException(record.exc_info).split("\n"))))


def one_line(text: str) -> str:
    r"""The text with everything escaped that could end its line or hide a part of it: "\n" becomes `\\n`.

    What is no text at all (lone surrogates, from names of files) is escaped too, so that every database takes it.
    """
    escaped = _CONTROL.sub(lambda found: found.group().encode("unicode_escape").decode(), text)
    return escaped.encode("utf-8", "backslashreplace").decode()


def masked(text: str) -> str:
    """The text with `***` for the passwords in addresses and the keys in headers."""
    return _BEARER.sub(r"\1 ***", _PASSWORD.sub(r"\1:***@", text))


def _time_of(record: logging.LogRecord, form: str) -> str:
    return time.strftime(form, time.gmtime(record.created))
