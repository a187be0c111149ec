"""A farm of real processes to break: workers, API, Redis, one of both databases, and the record to read afterwards."""

import contextlib
import io
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import httpx
import psutil
import pytest

from farm.ledger import Job, Ledger, Limits, Task, open_ledger
from farm.ledger.states import TERMINAL_JOB_STATES
from farm.queue import worker_argv
from farm.service.keys import local_key
from farm.service.opening import open_service
from farm.service.verbs import Service
from farm.settings import Settings, child_environment
from farm.storage import Storage, open_storage
from tests.services.process import accepts_connections, die_with_parent, free_ports, words_of
from tests.services.redis import RedisServer

T = TypeVar("T")

REAL = "workers.app"
TOY = "tests.workers.toy.app"
READY_S = 240.0
"""A worker imports torch; on a busy machine that takes a while (33 s were seen)."""
ENDED_S = 240.0
"""A job ends. Costs nothing where it does; a machine that stands still for a minute is no fault of the farm's."""


def wait_for(what: str, found: Callable[[], T | bool | None], *, timeout_s: float = 120.0) -> T:
    """What `found` answers as soon as that is something; fails loudly otherwise."""
    deadline_s = time.monotonic() + timeout_s
    while time.monotonic() < deadline_s:
        answer = found()
        if answer:
            return answer  # type: ignore[return-value]
        time.sleep(0.03)
    raise TimeoutError(f"waited {timeout_s:g} s for {what}")


@dataclass
class WorkerProcess:
    """One worker: the Celery parent and what it starts. `name` is the one in the ledger."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def parent(self) -> psutil.Process:
        return psutil.Process(self.process.pid)

    def child(self) -> psutil.Process:
        """The process that claims and works (billiard's resource tracker is another one)."""
        children = [c for c in self.parent.children() if "spawn_main" in " ".join(words_of(c))]
        if not children:
            raise LookupError("the worker has no child now")
        return children[0]

    def kill_parent(self) -> None:
        self.process.kill()
        self.process.wait(30)

    def stop(self, *, timeout_s: float = 40.0) -> float:
        """SIGTERM to the parent alone; how long it took to be gone."""
        began_s = time.monotonic()
        self.process.terminate()
        self.process.wait(timeout_s)
        return time.monotonic() - began_s

    def says(self) -> str:
        return self.log.read_text(errors="replace")


@dataclass
class Yard:
    """The farm under test. Everything it started is gone when `closing` ends.

    environment: variables besides FARM_*, such as S3 credentials. logs: where its processes speak; not in the farm's
    home, which may be full.
    """

    settings: Settings
    redis: RedisServer
    ledger: Ledger
    storage: Storage
    app: str = REAL
    workers: dict[str, WorkerProcess] = field(default_factory=dict)
    api: "subprocess.Popen[bytes] | None" = None
    key: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    logs: Path = Path()

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.settings.api_port}"

    def start_worker(self, name: str, *, environment: dict[str, str] | None = None) -> WorkerProcess:
        """Start a worker without waiting for it."""
        settings = self.settings.model_copy(update={"worker_name": name})
        log = self.logs / f"{name}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                [*die_with_parent(), *worker_argv(settings, app=self.app)],
                env={**child_environment(settings), **self.environment, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.workers[name] = WorkerProcess(name, process, log)
        return self.workers[name]

    def wait_until_ready(self, *names: str) -> None:
        """Until these workers have registered (again, where they were killed)."""
        for name in names:
            worker = self.workers[name]
            wait_for(f"worker {name}", lambda w=worker: self._serves(w), timeout_s=READY_S)  # type: ignore[misc]

    def _serves(self, worker: WorkerProcess) -> bool:
        if worker.process.poll() is not None:
            raise RuntimeError(f"{worker.name} ended:\n{worker.says()[-3000:]}")
        try:
            pid = worker.child().pid
        except (LookupError, psutil.NoSuchProcess):
            return False
        return f"worker {worker.name} (process {pid}) serves" in worker.says()

    def start_api(self) -> None:
        """Start the API and wait until it answers."""
        argv = [sys.executable, "-m", "uvicorn", "--factory", "farm.api.app:create_app", "--log-level", "warning"]
        with (self.logs / "api.log").open("ab") as output:
            self.api = subprocess.Popen(
                [*die_with_parent(), *argv, "--host", "127.0.0.1", "--port", str(self.settings.api_port)],
                env={**child_environment(self.settings), **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_for("the API", self._api_answers, timeout_s=READY_S)

    def _api_answers(self) -> bool:
        if self.api is not None and self.api.poll() is not None:
            raise RuntimeError(f"the API ended:\n{(self.logs / 'api.log').read_text()[-3000:]}")
        return accepts_connections(self.settings.api_port)

    def kill_api(self) -> None:
        if self.api is not None:
            self.api.kill()
            self.api.wait(30)

    def post(self, path: str, body: dict[str, object], *, idem_key: str) -> dict[str, object]:
        """A request that is sent again, with its idempotency key, until the API answers."""
        headers = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": idem_key}

        def answered() -> dict[str, object] | None:
            try:
                reply = httpx.post(self.api_url + path, json=body, headers=headers, timeout=10)
            except httpx.TransportError:
                time.sleep(0.2)
                return None
            if reply.status_code in (503, 507):
                assert int(reply.headers["Retry-After"]) > 0, reply.text
                return None
            reply.raise_for_status()
            answer: dict[str, object] = reply.json()
            return answer

        return wait_for(f"POST {path}", answered, timeout_s=READY_S)

    def wait_until_ended(self, *job_ids: int, timeout_s: float = ENDED_S) -> list[Job]:
        """The jobs, once all are done, failed or cancelled."""

        def ended() -> list[Job] | None:
            jobs = [self.ledger.get_job(job_id) for job_id in job_ids]
            return jobs if all(job.state in TERMINAL_JOB_STATES for job in jobs) else None

        try:
            return wait_for(f"jobs {job_ids}", ended, timeout_s=timeout_s)
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.report(*job_ids)}") from error

    def wait_until_settled(self, job_id: int, units: int) -> None:
        """Until so many units of the job are settled, so that a fault comes in the middle of it."""
        wait_for(f"{units} units of job {job_id}", lambda: self.ledger.get_job(job_id).done >= units)

    def record(self, job_id: int) -> list[Task]:
        """Every task of the job as it stands."""
        return self.ledger.tasks_of(job_id)

    def report(self, *job_ids: int) -> str:
        """What a person wants to see when a test fails."""
        lines = [str(task) for job_id in job_ids for task in self.record(job_id)]
        lines += [f"--- {worker.name}\n{worker.says()[-4000:]}" for worker in self.workers.values()]
        return "\n".join(lines)

    def submit(self, spec: Mapping[str, object]) -> int:
        """A job sent by the service of this process; its id."""
        with self.opened() as service:
            return service.submit(spec).job.id

    @contextlib.contextmanager
    def opened(self) -> Iterator[Service]:
        """The service of this process."""
        with set_aside(self.environment), open_service(self.settings) as service:
            yield service

    def import_cascade(self, objects: Mapping[str, bytes]) -> str:
        """Have the workers import a cascade; its digest."""
        sink = io.BytesIO()
        with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
            for name, body in objects.items():
                archive.writestr(name, body)
        with self.opened() as service:
            job = service.import_cascade("tiny", sink.getvalue()).job
        self.wait_until_ended(job.id, timeout_s=READY_S)
        return self.ledger.cascade("tiny").digest

    def close(self) -> None:
        """End everything, politely and then not."""
        for worker in self.workers.values():
            if worker.process.poll() is None:
                worker.process.terminate()
        for worker in self.workers.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                worker.process.wait(15)
            kill_session(worker.process.pid)
            worker.process.wait(10)
        self.kill_api()
        self.ledger.close()


def kill_session(session: int) -> None:
    """SIGKILL to every process that was born in this session."""
    for pid in members(session):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def members(session: int) -> list[int]:
    """Living processes of a session."""
    found = []
    for process in psutil.process_iter(["pid", "status"]):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getsid(process.pid) == session and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


@contextlib.contextmanager
def set_aside(environment: Mapping[str, str]) -> Iterator[None]:
    """This process has these variables for a while."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        yield


@contextlib.contextmanager
def open_yard(
    home: Path,
    *,
    redis: RedisServer,
    app: str = REAL,
    ledger_url: str = "",
    told: Mapping[str, object] | None = None,
    environment: Mapping[str, str] | None = None,
    logs: Path | None = None,
) -> Iterator[Yard]:
    """A yard with short leases and no process yet. `told` are settings that differ."""
    quick = {"beat_s": 0.25, "lease_s": 4.0, "tick_s": 0.25, "task_target_s": 2.0, "device": "cpu", "threads": 1}
    services = {"redis_url": redis.url, "ledger_url": ledger_url, "api_port": free_ports(1)[0]}
    settings = Settings.model_validate({"home": home, **services, **quick, **(told or {})})
    home.mkdir(parents=True, exist_ok=True)
    with set_aside(environment or {}):
        with open_service(settings) as service:
            key = local_key(service)
        ledger = open_ledger(settings.ledger_url, limits=Limits.of(settings))
        yard = Yard(
            settings=settings,
            redis=redis,
            ledger=ledger,
            storage=open_storage(settings),
            app=app,
            key=key,
            environment=environment or {},
            logs=logs or home,
        )
    try:
        yield yard
    finally:
        yard.close()
