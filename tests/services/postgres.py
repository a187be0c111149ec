"""A private Postgres cluster. Postgres refuses to run as root: root gives it an unprivileged user."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg

from tests.services.process import (
    HERE,
    START_TIMEOUT_S,
    STOP_TIMEOUT_S,
    Place,
    ServiceFailed,
    ServiceMissing,
    ServiceProcess,
    as_user,
    free_ports,
    scratch_folder,
)

# A test's database need not survive a power cut, only the kill of a process: without fsync it is many times faster.
OPTIONS = {
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "unix_socket_directories": "",
}


def postgres_program(name: str) -> str:
    """Path of `initdb` or `postgres`, newest version first. Raises ServiceMissing."""
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda p: float(p.parts[-3]), reverse=True)
    found = str(versions[0]) if versions else shutil.which(name)
    if not found:
        raise ServiceMissing(f"Postgres is not installed ({name} not found)")
    return found


class PostgresCluster:
    """One cluster on a port it keeps over kills and restarts. It trusts every local connection; who comes from another
    machine needs the place's password."""

    def __init__(self, folder: Path, *, place: Place = HERE) -> None:
        self.port = free_ports(1)[0]
        self._place = place
        self._folder = folder
        self._data = folder / "data"
        self._user = _unprivileged_user()
        self._process: ServiceProcess | None = None
        if self._user is not None:
            shutil.chown(folder, self._user)
        self._init()
        if place.password:
            with (self._data / "pg_hba.conf").open("a") as rules:
                rules.write("host all farm samenet scram-sha-256\n")

    def _init(self) -> None:
        """Make the cluster's folder, and its one user. Raises ServiceFailed."""
        secret = self._folder / "password"
        secret.write_text(self._place.password or "unused")
        secret.chmod(0o644)
        done = subprocess.run(
            [
                *(postgres_program("initdb"), "-D", str(self._data), "-U", "farm", "--auth=trust", "--no-sync"),
                *("-E", "UTF8", "--locale=C", "--pwfile", str(secret)),
            ],
            capture_output=True,
            text=True,
            timeout=START_TIMEOUT_S,
            check=False,
            cwd=self._folder,
            **as_user(self._user),
        )
        if done.returncode:
            raise ServiceFailed(f"initdb failed:\n{done.stdout}{done.stderr}")

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError("the cluster was not started")
        return self._process.pid

    def start(self) -> None:
        told = OPTIONS | {"listen_addresses": self._place.address}
        options = [part for name, value in told.items() for part in ("-c", f"{name}={value}")]
        command = [postgres_program("postgres"), "-D", str(self._data), "-p", str(self.port), *options]
        # SIGINT is Postgres' fast shutdown: connections are cut, data is written.
        self._process = ServiceProcess(
            command,
            log=self._folder / "postgres.log",
            user=self._user,
            stop_signal=signal.SIGINT,
            place=self._place,
        )
        self._process.wait_until(self.answers)

    def answers(self) -> bool:
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def execute(self, statement: str) -> None:
        """Run one statement on the maintenance database."""
        where = self.url("postgres").replace("+psycopg", "")
        with psycopg.connect(where, autocommit=True, connect_timeout=10) as connection:
            connection.execute(statement)

    def query(self, statement: str) -> str:
        """The first column of the first row, as text."""
        where = self.url("postgres").replace("+psycopg", "")
        with psycopg.connect(where, autocommit=True, connect_timeout=10) as connection:
            row = connection.execute(statement).fetchone()
        return str(row[0]) if row else ""

    def url(self, database: str) -> str:
        login = f"farm:{self._place.password}" if self._place.password else "farm"
        return f"postgresql+psycopg://{login}@{self._place.address}:{self.port}/{database}"

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """URL of a new, empty database that is dropped at the end, whoever is still connected."""
        name = f"farm_{uuid.uuid4().hex[:12]}"
        self.execute(f"CREATE DATABASE {name}")
        try:
            yield self.url(name)
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def end(self, how: int) -> None:
        """SIGINT: fast shutdown, connections are cut and data is written. SIGQUIT: immediate, as a crash. Returns when
        it is gone; `start` brings it back."""
        if self._process is not None:
            self._process.process.send_signal(how)
            self._process.process.wait(STOP_TIMEOUT_S)

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()


@contextlib.contextmanager
def running_postgres(*, place: Place = HERE) -> Iterator[PostgresCluster]:
    """A started cluster, stopped at the end. Raises ServiceMissing."""
    postgres_program("initdb")
    with scratch_folder("postgres") as folder:
        cluster = PostgresCluster(folder, place=place)
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()


def _unprivileged_user() -> str | None:
    """Whom root runs Postgres as; None when we are not root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in known), None)
