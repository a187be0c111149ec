"""Composition root of a worker process: `celery -A workers.app worker …`.

The parent holds the connection to Redis, ticks, and stays free of torch. Its one child, a fresh interpreter, builds
the bench (handlers, device) before its first claim, and serves tickets. Both open the ledger for themselves.
"""

import functools
import importlib
import logging
import math
import os
import signal
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from celery import Celery, Task, signals
from kombu.exceptions import KombuError

from farm import logs
from farm.dispatch import Dispatcher, Ticker
from farm.errors import NotFound, SettingsInvalid, Unavailable, WorkFailed
from farm.ledger import Ledger, Limits, open_ledger
from farm.ledger.rows import Claim, Worker
from farm.queue import TICKET_OF, TicketQueue, make_app, worker_name
from farm.settings import Settings, load_settings
from farm.specs.kinds import QUEUES
from farm.storage import open_storage
from workers.lifecycle import Bench, Meter, NumbersDoor, Post, Runner
from workers.lifecycle.announce import readable_args
from workers.lifecycle.meter import StatementsMeter

_log = logging.getLogger(__name__)

Opened = TypeVar("Opened")

BENCH_MODULE = "workers.tasks.bench"
"""Offers `prepare(settings, ledger, storage) -> Bench`. It imports torch, which only the child may: by name, then."""
RETRY_S = 2.0
LIFE_S = 7.5
"""How often a worker shows that it lives, a fourth of what it may be silent for: one row written a worker."""


class WorkerApp(Celery):
    """A Celery app that a spawned child builds anew instead of unpickling its parts."""

    settings: Settings
    bench_module: str

    def __reduce__(self) -> tuple[Callable[..., "WorkerApp"], tuple[Any, ...]]:
        return build_child, (self.settings, self.bench_module, self.served_queues())

    def served_queues(self) -> tuple[str, ...]:
        """The queues this worker consumes (`-Q`), all of them by default."""
        return tuple(name for name in QUEUES if name in self.amqp.queues.consume_from)


def build_parent(settings: Settings, *, bench_module: str = BENCH_MODULE) -> WorkerApp:
    """The app as the worker's parent process uses it: it hands tickets to its child, ticks, and drains."""
    app = _bare_app(settings, bench_module)
    _register_tickets(app, _not_here)
    parent = Parent(app)
    signals.worker_init.connect(parent.on_init, weak=False)
    signals.worker_shutting_down.connect(parent.on_shutting_down, weak=False)
    signals.worker_shutdown.connect(parent.on_shutdown, weak=False)
    return app


def build_child(settings: Settings, bench_module: str, queues: Sequence[str]) -> WorkerApp:
    """The same app in the process that does the work."""
    app = _bare_app(settings, bench_module)
    child = Child(app, Post(worker_name(settings), tuple(queues)))
    _register_tickets(app, child.serve)
    signals.worker_process_init.connect(child.on_init, weak=False)
    return app


def _bare_app(settings: Settings, bench_module: str) -> WorkerApp:
    app = make_app(settings, app_class=WorkerApp)
    if not isinstance(app, WorkerApp):  # tells the type checker what make_app was given
        raise TypeError(app)
    app.settings, app.bench_module = settings, bench_module
    _speak(settings)
    # Whoever answers this signal sets the loggers up instead of Celery, which by then has some of its own.
    signals.setup_logging.connect(functools.partial(_speak, settings), weak=False, dispatch_uid="farm.logs")
    return app


def _speak(settings: Settings, **_: object) -> None:
    logs.set_up(settings, worker=worker_name(settings))


class Ticket(Task):  # type: ignore[type-arg]  # Celery's Task takes no arguments at run time
    """A Celery task without arguments that lets `serve` claim; one instance for each queue."""

    throws = (WorkFailed,)
    """The ledger and the log have it already: Celery tells it without a second traceback."""

    def __init__(self, queue: str, serve: "Callable[[Ticket], str]") -> None:
        self.name, self.for_queue, self._serve = TICKET_OF[queue], queue, serve

    def run(self) -> str:
        return self._serve(self)


def _register_tickets(app: WorkerApp, serve: Callable[[Ticket], str]) -> None:
    for queue in TICKET_OF:
        app.register_task(Ticket(queue, serve))


def _not_here(ticket: Ticket) -> str:
    raise RuntimeError(f"{ticket.name} tickets are served by the worker's child process")


class Parent:
    """What the worker's parent process does besides handing on tickets."""

    def __init__(self, app: WorkerApp) -> None:
        self._settings = app.settings
        self._name = worker_name(app.settings)
        self._ledger: Ledger | None = None
        self._ticker: Ticker | None = None
        self._draining = False
        self._shown_s = -math.inf

    def on_init(self, **_: object) -> None:
        """Before the pool starts: open the ledger and begin to tick, with or without Redis."""
        self._ledger = _patiently(lambda: _open_ledger(self._settings), "the ledger")
        dispatcher = Dispatcher(ledger=self._ledger, queue=TicketQueue(self._settings))
        self._ticker = Ticker(dispatcher=dispatcher, tick_s=self._settings.tick_s, also=(self._show_life,))
        self._ticker.start()

    def on_shutting_down(self, **_: object) -> None:
        """In the signal handler of SIGTERM or Ctrl-C: only flags; the tick thread tells the ledger."""
        self._draining = True
        if self._ticker is not None:
            self._ticker.wake()

    def on_shutdown(self, **_: object) -> None:
        """After the pool has ended: this worker is gone, on purpose."""
        if self._ticker is None or self._ledger is None:
            return
        self._ticker.stop()
        try:
            self._ledger.unregister_worker(self._name)
        except (Unavailable, NotFound) as error:
            _log.warning("the ledger still lists this worker: %s", error.message)
        self._ledger.close()

    def _show_life(self) -> None:
        if self._ledger is None:
            return
        if self._draining:
            self._ledger.drain_worker(self._name)
        if time.monotonic() - self._shown_s < LIFE_S:
            return
        try:
            self._ledger.worker_seen(self._name)
            self._shown_s = time.monotonic()
        except NotFound:
            _log.debug("not registered yet: the child is still preparing")


class Child:
    """The process that claims and works."""

    def __init__(self, app: WorkerApp, post: Post) -> None:
        self._app, self._settings, self._post = app, app.settings, post
        self._runner: Runner | None = None

    def on_init(self, **_: object) -> None:
        """Prepare everything before the first claim. A child that cannot says why and leaves; another is started.

        Where settings are wrong no other child would fare better: the whole worker ends.
        """
        try:
            self._prepare()
        except SettingsInvalid as error:
            _log.error("this worker cannot work: %s", error.message)
            os.kill(os.getppid(), signal.SIGTERM)
            os._exit(1)
        except Exception:  # noqa: BLE001 - Celery would go on with a child that can do nothing
            _log.exception("this worker could not be prepared")
            time.sleep(RETRY_S)
            os._exit(1)

    def _prepare(self) -> None:
        ledger = _patiently(lambda: _open_ledger(self._settings), "the ledger")
        storage = open_storage(self._settings)
        bench: Bench = importlib.import_module(self._app.bench_module).prepare(self._settings, ledger, storage)
        runner = Runner(
            ledger=ledger,
            dispatcher=Dispatcher(ledger=ledger, queue=TicketQueue(self._settings)),
            post=self._post,
            handlers=bench.handlers,
            settings=self._settings,
        )
        self._show_numbers(ledger, runner.meter, bench)
        _patiently(lambda: self._sign_on(ledger, bench), "the ledger")
        # A signal to the whole process group must not end a task half-way: it drains, as the beat would tell it.
        signal.signal(signal.SIGTERM, lambda *_: runner.drain())
        self._runner = runner
        queues = ",".join(self._post.queues)
        _log.info("worker %s (process %d) serves %s on %s", self._post.worker, os.getpid(), queues, bench.render_class)

    def _show_numbers(self, ledger: Ledger, meter: Meter, bench: Bench) -> None:
        for collector in (*bench.collectors, StatementsMeter(lambda: ledger.statements)):
            meter.registry.register(collector)
        if self._settings.metrics_port:
            door = NumbersDoor(meter.registry, knows=ledger.find_key)
            door.open(self._settings.metrics_host, self._settings.metrics_port)

    def _sign_on(self, ledger: Ledger, bench: Bench) -> None:
        """A child of this name begins, so the one before it is gone: what it held need not wait for its lease."""
        ledger.register_worker(self._row(bench))
        abandoned = ledger.abandon(self._post.worker)
        if abandoned:
            _log.warning("%d tasks of this worker's earlier process are lost, and go on elsewhere", abandoned)

    def _row(self, bench: Bench) -> Worker:
        return Worker(
            name=self._post.worker,
            kinds=self._post.queues,
            device=bench.device,
            render_class=bench.render_class,
            slots=1,
            draining=False,
            seen_at=0.0,
            leave_until=None,
            memory_bytes=bench.memory_bytes,
        )

    def serve(self, ticket: Ticket) -> str:
        """One ticket: come and claim."""
        if self._runner is None:
            raise RuntimeError("this worker is not prepared")
        return self._runner.serve(ticket.for_queue, announce=functools.partial(_announce, ticket))


def _announce(ticket: Ticket, claim: Claim) -> None:
    """Tell Flower what this ticket turned out to be: its `task-received` again, with a name and arguments to read."""
    args = readable_args(claim)
    _log.info("%s %s", claim.kind, args)
    try:
        ticket.send_event("task-received", retry=False, name=claim.kind, args=args, kwargs="{}")
    except (KombuError, OSError) as error:
        _log.warning("Flower is not told of %s: %s", args, error)


def _open_ledger(settings: Settings) -> Ledger:
    return open_ledger(settings.ledger_url, limits=Limits.of(settings))


def _patiently(open_it: Callable[[], Opened], what: str) -> Opened:
    """Wait for a service that is not up yet; say so once."""
    told = False
    while True:
        try:
            return open_it()
        except Unavailable as error:
            if not told:
                _log.warning("waiting for %s: %s", what, error.message)
            told = True
            time.sleep(RETRY_S)


def __getattr__(name: str) -> WorkerApp:
    """`celery -A workers.app …` finds `app` here, made when it is asked for and not when this module is imported."""
    if name == "app":
        return build_parent(load_settings())
    raise AttributeError(name)
