"""A farm over three machines, set up by settings alone: services; worker north; worker south.

Each process starts by the command of docs/operators.md with the variables of that page and nothing else but shorter
times: a home that no other machine sees, the addresses, one core, one torch thread. The tests submit from a fourth
machine, through the API.
"""

import contextlib
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from farm.ledger import Limits, open_ledger
from farm.service.keys import local_key
from farm.service.opening import open_service
from farm.settings import Settings, child_environment
from farm.storage import open_storage
from tests.chaos.yard import READY_S, WorkerProcess, Yard, wait_for
from tests.hosts.network import Host, open_network
from tests.services.postgres import running_postgres
from tests.services.process import Place, die_with_parent
from tests.services.redis import running_redis
from tests.services.rgw import RgwServer, running_rgw

WORKERS = ("north", "south")
PASSWORD = "only-for-tests"
API_PORT = 8800
GUIDE = Path(__file__).parents[2] / "docs/operators.md"
QUICK = {"beat_s": 0.25, "lease_s": 4.0, "tick_s": 0.25, "task_target_s": 2.0}


@dataclass
class ThreeHosts(Yard):
    """The farm under test, seen from a machine of its own on the same cable."""

    services: Host = field(kw_only=True)
    hosts: dict[str, Host] = field(kw_only=True)
    cores: dict[str, int] = field(kw_only=True)

    @property
    def api_url(self) -> str:
        return f"http://{self.settings.api_host}:{self.settings.api_port}"

    def start_worker(self, name: str, *, environment: dict[str, str] | None = None) -> WorkerProcess:
        """Start the worker on the machine of that name without waiting for it."""
        home = self.settings.home / name
        home.mkdir(exist_ok=True)
        ours = {"FARM_HOME": str(home), "FARM_WORKER_NAME": name, "FARM_DEVICE": "cpu", "FARM_THREADS": "1"}
        told = self._told("FARM_WORKER_NAME", ours) | (environment or {})
        command = (*self.hosts[name].enter, "taskset", "--cpu-list", str(self.cores[name]), _farm(), "worker")
        self.workers[name] = WorkerProcess(name, _start(command, told, log=home / "log"), home / "log")
        return self.workers[name]

    def start_api(self) -> None:
        """Start the API on the services' machine and wait until it listens."""
        told = self._told("FARM_API_HOST", {"FARM_HOME": str(self.settings.home)})
        command = (*self.services.enter, sys.executable, "-m", "farm.api")
        self.api = _start(command, told, log=self.settings.home / "api.log")
        wait_for("the API", self._api_listens, timeout_s=READY_S)

    def _told(self, marker: str, ours: Mapping[str, str]) -> dict[str, str]:
        """The whole environment of a machine's process: the variables that the operator guide names there, with this
        farm's values, and short times."""
        values = child_environment(self.settings) | RgwServer.credentials | dict(ours)
        plain = {name: os.environ[name] for name in ("PATH", "LANG", "PYTHONPATH") if name in os.environ}
        quick = {f"FARM_{name.upper()}": str(getattr(self.settings, name)) for name in QUICK}
        return plain | {"HOME": ours["FARM_HOME"]} | {name: values[name] for name in variables_of(marker)} | quick

    def _api_listens(self) -> bool:
        with contextlib.suppress(OSError):
            socket.create_connection((self.settings.api_host, self.settings.api_port), timeout=1).close()
            return True
        return False


@contextlib.contextmanager
def open_three_hosts(home: Path, *, told: Mapping[str, object] | None = None) -> Iterator[ThreeHosts]:
    """Services and API up, no worker yet. `told` are settings that differ. Raises ServiceMissing."""
    with contextlib.ExitStack() as stack:
        environment = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in RgwServer.credentials.items():
            environment.setenv(name, value)
        network = stack.enter_context(open_network())
        services = network.add("services", api=10, postgres=11, redis=12, s3=13)
        hosts = {name: network.add(name, worker=20 + number) for number, name in enumerate(WORKERS)}
        redis = stack.enter_context(running_redis(place=_place(services, "redis")))
        postgres = stack.enter_context(running_postgres(place=_place(services, "postgres")))
        rgw = stack.enter_context(running_rgw(place=_place(services, "s3")))
        settings = Settings.model_validate(
            {
                "home": home / "services",
                "redis_url": redis.url,
                "ledger_url": stack.enter_context(postgres.database()),
                "storage_url": f"s3://{stack.enter_context(rgw.bucket())}/farm",
                "s3_endpoint_url": rgw.endpoint_url,
                "api_host": services.addresses["api"],
                "api_port": API_PORT,
                **QUICK,
                **(told or {}),
            }
        )
        settings.home.mkdir(parents=True)
        with open_service(settings) as service:
            key = local_key(service)
        farm = ThreeHosts(
            settings=settings,
            redis=redis,
            ledger=open_ledger(settings.ledger_url, limits=Limits.of(settings)),
            storage=open_storage(settings),
            key=key,
            services=services,
            hosts=hosts,
            cores=_cores(),
        )
        stack.callback(farm.close)
        farm.start_api()
        yield farm


@contextlib.contextmanager
def asleep(farm: ThreeHosts, name: str) -> Iterator[None]:
    """A worker that stands still as a whole: parent and child."""
    worker = farm.workers[name]
    sleepers = [worker.parent, worker.child()]
    for process in sleepers:
        process.suspend()
    try:
        yield
    finally:
        for process in sleepers:
            process.resume()


def variables_of(marker: str) -> list[str]:
    """The variables of the operator guide's environment that has `marker` among them."""
    blocks = re.findall(r"^```ini\n(.*?)^```$", GUIDE.read_text(), flags=re.MULTILINE | re.DOTALL)
    for block in blocks:
        names = [line.partition("=")[0] for line in block.splitlines()]
        if marker in names:
            return names
    raise LookupError(f"no environment with {marker} in {GUIDE}")


def _place(host: Host, what: str) -> Place:
    return Place(address=host.addresses[what], enter=host.enter, password=PASSWORD)


def _cores() -> dict[str, int]:
    """A core for each worker, one of its own where there are enough."""
    ours = sorted(os.sched_getaffinity(0))
    return {name: ours[number % len(ours)] for number, name in enumerate(WORKERS)}


def _farm() -> str:
    return str(Path(sys.executable).with_name("farm"))


def _start(command: Sequence[str], environment: dict[str, str], *, log: Path) -> "subprocess.Popen[bytes]":
    with log.open("ab") as output:
        return subprocess.Popen(
            [*die_with_parent(), *command],
            env=environment,
            cwd=log.parent,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
