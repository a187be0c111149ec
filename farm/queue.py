"""The Celery app: which wires carry which tickets, and how the transport is set.

Every name on the wire, in one table (Redis keys also carry the prefix `<key_prefix>:`):

| wire | name | carries |
|---|---|---|
| list | render, train, cpu | tickets waiting for a worker of that queue |
| task | render, train, prepare | "come and claim" for render, train, cpu; no arguments, ever |
| topic | celeryev | events for Flower |
| fanout | celery.pidbox | remote control: ping, inspect |

A ticket is acknowledged early and never retried: the ledger owns the work, so a lost ticket costs one tick.
"""

import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import redis
from celery import Celery
from celery.exceptions import CeleryError
from kombu import Connection, Exchange, Queue
from kombu.exceptions import KombuError, OperationalError

from farm import logs
from farm.errors import QueueUnavailable, SettingsInvalid
from farm.settings import Settings, load_settings
from farm.specs import kinds

TICKET_OF: Final[dict[str, str]] = {"render": "render", "train": "train", "cpu": "prepare"}
"""The Celery task a queue's tickets name."""

WORKER_APP: Final = "workers.app"
"""The module in which a worker process finds its app; this room never imports it."""

CONNECT_S: Final = 3.0
"""How long a publisher waits for Redis before it says so."""
ANSWER_S: Final = 5.0
"""How long a command waits for Redis' answer; a worker's ask for a ticket blocks there for one second."""
RECONNECT_S: Final = 2.0
"""How often a worker looks for a Redis that is gone."""


def make_app(settings: Settings, *, app_class: type[Celery] = Celery) -> Celery:
    """A Celery app on the broker of `settings`, without any task: senders need none, workers register their own."""
    if not settings.redis_url:
        raise SettingsInvalid("FARM_REDIS_URL is not set, and no embedded farm is running here")
    app = app_class("farm", broker=settings.redis_url, set_as_current=False)
    app.amqp.Connection = SteadyConnection
    app.conf.update(_transport(settings), **_tickets(settings), **_worker())
    return app


class SteadyConnection(Connection):
    """A connection that looks for a lost Redis every RECONNECT_S, where Celery's own waits ever longer, up to 30 s."""

    def ensure_connection(self, *args: Any, **kwargs: Any) -> "SteadyConnection":
        """As kombu's, with a steady interval."""
        steady = {"interval_start": RECONNECT_S, "interval_step": 0.0, "interval_max": RECONNECT_S}
        super().ensure_connection(*args, **(steady | kwargs))
        return self


def _transport(settings: Settings) -> dict[str, Any]:
    return {
        "broker_transport_options": {
            "global_keyprefix": f"{settings.key_prefix}:",
            # Tickets are acknowledged when they arrive; this only bounds how long a dying connection holds one.
            "visibility_timeout": int(settings.ticket_limit_s) + 60,
            "socket_connect_timeout": CONNECT_S,
            # A Redis that was cut off without a word must not hold a worker: neither in a command (this), nor while it
            # waits for a ticket (kombu drops a connection whose answer is late by this interval).
            "socket_timeout": ANSWER_S,
            "health_check_interval": 10,
        },
        "broker_connection_timeout": CONNECT_S,
        "broker_connection_retry": True,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "result_backend": None,
        "task_serializer": "json",
        "event_serializer": "json",
        "accept_content": ["json"],
    }


def _tickets(settings: Settings) -> dict[str, Any]:
    return {
        "task_queues": [Queue(name, Exchange(name, type="direct"), routing_key=name) for name in kinds.QUEUES],
        "task_default_queue": "render",
        "task_create_missing_queues": False,
        "task_acks_late": False,
        "task_ignore_result": True,
        "task_store_errors_even_if_ignored": False,
        # The tick sends again what a refusing Redis did not take; waiting here would hold up a user's request.
        "task_publish_retry": False,
        "task_time_limit": settings.ticket_limit_s,
    }


def _worker() -> dict[str, Any]:
    return {
        "worker_pool": "prefork",
        "worker_concurrency": 1,
        # A fresh interpreter: the parent never holds a CUDA context that a fork would break.
        "worker_pool_start_method": "spawn",
        "worker_proc_alive_timeout": 300.0,
        "worker_prefetch_multiplier": 1,
        "worker_disable_prefetch": True,
        "worker_soft_shutdown_timeout": 0.0,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_send_task_events": True,
        "worker_redirect_stdouts": False,
    }


class TicketQueue:
    """The sending side: how many tickets wait, and more of them. Keep one per process; `close` it."""

    def __init__(self, settings: Settings) -> None:
        self._app = make_app(settings)
        self._prefix = f"{settings.key_prefix}:"
        self._address = _without_password(settings.redis_url)
        self._redis = redis.Redis.from_url(
            settings.redis_url, socket_connect_timeout=CONNECT_S, socket_timeout=CONNECT_S, health_check_interval=10
        )

    def waiting(self, queue: str) -> int:
        """Tickets in `queue` that no worker has taken yet.

        Raises QueueUnavailable.
        """
        try:
            return int(self._redis.llen(self._prefix + queue))
        except redis.RedisError as error:
            raise self._unavailable(error) from error

    def send(self, queue: str, count: int) -> None:
        """Put `count` tickets into `queue`.

        Raises QueueUnavailable; then fewer than `count` may have been sent.
        """
        try:
            for _ in range(count):
                self._app.send_task(TICKET_OF[queue], queue=queue, retry=False, ignore_result=True)
        except (redis.RedisError, KombuError, OperationalError, CeleryError, OSError) as error:
            raise self._unavailable(error) from error

    def ping(self) -> None:
        """Raises QueueUnavailable where Redis does not answer."""
        try:
            self._redis.ping()
        except redis.RedisError as error:
            raise self._unavailable(error) from error

    def close(self) -> None:
        """Give the connections back."""
        self._redis.close()
        self._app.close()

    def _unavailable(self, error: Exception) -> QueueUnavailable:
        return QueueUnavailable(f"Redis at {self._address} does not answer: {error}")


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or 6379}" if parts.hostname else parts.path


def device_label(settings: Settings) -> str:
    """The device as a worker's name shows it, told without torch: cpu, cuda, cuda1 …"""
    if settings.device != "auto":
        return settings.device.replace(":", "")
    return "cuda" if Path("/dev/nvidiactl").exists() else "cpu"


def worker_name(settings: Settings) -> str:
    """What this machine's worker is called in the ledger and in Flower: FARM_WORKER_NAME, else `<host>-<device>`."""
    host = "".join(c if c.isalnum() or c in "_.-" else "-" for c in platform.node().split(".")[0]) or "worker"
    return settings.worker_name or f"{host}-{device_label(settings)}"


def worker_argv(
    settings: Settings, *, queues: Sequence[kinds.Queue] = kinds.QUEUES, app: str = WORKER_APP
) -> list[str]:
    """The command of a worker process that serves `queues` on one device. Signal it alone, never its group."""
    return [
        *(sys.executable, "-m", "celery", "--quiet", "-A", app, "worker"),
        *("--hostname", f"{worker_name(settings)}@{platform.node()}"),
        *("--queues", ",".join(queues), "--concurrency", "1"),
        *("--loglevel", settings.log_level, "--without-mingle", "--without-gossip"),
    ]


def flower_argv(settings: Settings, *, port: int = 0, address: str = "127.0.0.1", unix_socket: str = "") -> list[str]:
    """The command that shows the farm at work, read-only, under /flower, on a socket or else on a port.

    It has no login: the API alone shall reach it, and lets people with a key through.
    """
    listen = [f"--unix_socket={unix_socket}"] if unix_socket else [f"--address={address}", f"--port={port}"]
    return [
        *(sys.executable, "-m", "celery", "-A", "farm.queue", "flower"),
        *listen,
        *("--url-prefix=flower", "--read_only", "--max_tasks=5000"),
        *("--purge_offline_workers=600", f"--logging={settings.log_level}"),
        "--tasks_columns=name,args,state,received,runtime,worker",
    ]


def __getattr__(name: str) -> Celery:
    """`celery -A farm.queue …` finds `app` here, made when it is asked for and not when this module is imported."""
    if name == "app":
        settings = load_settings()
        logs.set_up(settings)
        return make_app(settings)
    raise AttributeError(name)
