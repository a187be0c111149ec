"""The services of docker-compose.yml as plain processes of this machine: their own command lines, environments, secret
files and health checks, with addresses of this machine in place of Compose's names."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.deploy.compose import ROOT, compose
from tests.services.postgres import PostgresCluster
from tests.services.process import Place, ServiceMissing, ServiceProcess, free_ports
from tests.services.redis import redis_program
from tests.services.rgw import ACCESS_KEY, SECRET_KEY, RgwServer

DATABASE = "farm"
READY_S = 240.0
"""A worker imports torch and prepares; on a busy machine that takes a while."""
KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH")
"""What a process here gets of this machine's environment. Nothing of the farm's, nothing of AWS's."""


def caddy_program() -> str:
    """Path of Caddy. Raises ServiceMissing."""
    found = shutil.which("caddy")
    if found is None:
        raise ServiceMissing("Caddy is not installed (Debian: caddy)")
    return found


def make_secrets(folder: Path) -> Path:
    """A folder of secrets as `deploy/secrets.sh` makes it, for an S3 server that has its keys already."""
    folder.mkdir(mode=0o700)
    (folder / "s3_access_key").write_text(ACCESS_KEY + "\n")
    (folder / "s3_secret_key").write_text(SECRET_KEY + "\n")
    subprocess.run([ROOT / "deploy/secrets.sh", folder, "127.0.0.1"], check=True, capture_output=True, timeout=30)
    return folder


def place_with_password(secrets: Path) -> Place:
    """Where Postgres asks for the password the secrets tell."""
    return Place(password=(secrets / "postgres_password").read_text().strip())


def ask_everybody_for_the_password(cluster: PostgresCluster) -> None:
    """As the image does for whoever comes over the network; a private cluster trusts its own machine."""
    rules = cluster.query("SHOW hba_file")
    cluster.execute(f"COPY (VALUES ('host all all all scram-sha-256')) TO '{rules}'")
    cluster.execute("SELECT pg_reload_conf()")
    cluster.execute(f"CREATE DATABASE {DATABASE}")


class Fleet:
    """Everything but Postgres and S3, whose own images we cannot run here; private servers stand in for them."""

    def __init__(self, folder: Path, *, secrets: Path, postgres: PostgresCluster, s3: RgwServer, bucket: str) -> None:
        self.redis, self.api, self.flower, self.numbers, self.door, self.https, self.health = free_ports(7)
        self._folder, self._secrets = folder, secrets
        self._services: dict[str, dict[str, Any]] = compose()["services"]
        self._processes: dict[str, ServiceProcess] = {}
        # The first that fits is taken: longer ones stand before their parts.
        self._here = {
            "/run/secrets": str(secrets),
            "/etc/caddy/Caddyfile": str(ROOT / "deploy/proxy/Caddyfile"),
            "http://s3:8333": s3.endpoint_url,
            "http://127.0.0.1:8333": s3.endpoint_url,
            "s3://farm": f"s3://{bucket}",
            "http://flower:5555": f"http://127.0.0.1:{self.flower}",
            "http://127.0.0.1:5555": f"http://127.0.0.1:{self.flower}",
            "http://127.0.0.1:8800": f"http://127.0.0.1:{self.api}",
            "api:8800": f"127.0.0.1:{self.api}",
            "http://127.0.0.1:8081": f"http://127.0.0.1:{self.health}",
            "redis-cli ping": f"redis-cli -p {self.redis} ping",
            "0.0.0.0": "127.0.0.1",
        }
        # These only as whole words of a command or a value.
        self._words = {
            "python": sys.executable,
            "farm": str(Path(sys.executable).with_name("farm")),
            "redis-server": redis_program(),
            "caddy": caddy_program(),
            "5555": str(self.flower),
            "8800": str(self.api),
            "9100": str(self.numbers),
        }
        for name, ours, theirs in (("redis_url", self.redis, 6379), ("ledger_url", postgres.port, 5432)):
            path = secrets / name
            path.chmod(0o600)
            path.write_text(path.read_text().replace(f":{theirs}/", f":{ours}/"))

    @property
    def door_url(self) -> str:
        """Where people come in."""
        return f"http://127.0.0.1:{self.door}"

    def environment(self, name: str) -> dict[str, str]:
        """What the service finds around it."""
        home = self._folder / name
        home.mkdir(exist_ok=True)
        told = {key: self._word(str(value)) for key, value in self._services[name].get("environment", {}).items()}
        ours = {"FARM_HOME": str(home), "FARM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
        caddy = {"HTTP_PORT": self.door, "HTTPS_PORT": self.https, "HEALTH_PORT": self.health}
        ours |= {key: str(value) for key, value in caddy.items()} | {"XDG_CONFIG_HOME": str(home)}
        return {key: os.environ[key] for key in KEPT if key in os.environ} | ours | told

    def command(self, name: str) -> list[str]:
        """The service's command line, and what tells it a port of this machine where the image has its own."""
        argv = [self._word(word) for word in self._services[name]["command"]]
        return [*argv, "--port", str(self.redis), "--bind", "127.0.0.1"] if name == "redis" else argv

    def start(self, *names: str) -> None:
        """Start these services; the order is Compose's business, not theirs."""
        for name in names:
            pairs = [f"{key}={value}" for key, value in self.environment(name).items()]
            log = self._folder / f"{name}.log"
            self._processes[name] = ServiceProcess(["env", "-i", *pairs, *self.command(name)], log=log)

    def wait_until_healthy(self, *names: str) -> None:
        """Until the health check that Compose would run says so."""
        for name in names:
            self._processes[name].wait_until(lambda name=name: self.healthy(name), timeout_s=READY_S)  # type: ignore[misc]

    def healthy(self, name: str) -> bool:
        """Run the service's own health check once."""
        kind, *test = self._services[name]["healthcheck"]["test"]
        argv = ["sh", "-c", self._text(test[0])] if kind == "CMD-SHELL" else [self._word(word) for word in test]
        return self.run(name, argv).returncode == 0

    def exec(self, name: str, *argv: str) -> str:
        """What `docker compose exec NAME ARGV…` would say."""
        done = self.run(name, [self._word(word) for word in argv])
        if done.returncode:
            raise RuntimeError(f"{argv} failed in {name}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def run(self, name: str, argv: list[str]) -> "subprocess.CompletedProcess[str]":
        """Run a command beside the service."""
        return subprocess.run(
            argv, env=self.environment(name), capture_output=True, text=True, timeout=120, check=False
        )

    def stop(self, name: str, *, within_s: float) -> int:
        """SIGTERM to the service's first process alone, as Docker does; its exit status."""
        process = self._processes.pop(name).process
        process.terminate()
        return process.wait(within_s)

    def close(self) -> None:
        """End what still runs."""
        for process in self._processes.values():
            process.stop()

    def logs(self) -> str:
        """The ends of all logs, for a test that fails."""
        return "".join(f"\n--- {path.name}\n{path.read_text()[-2000:]}" for path in self._folder.glob("*.log"))

    def _word(self, word: str) -> str:
        return self._words.get(word) or self._text(word)

    def _text(self, text: str) -> str:
        for theirs, here in self._here.items():
            text = text.replace(theirs, here)
        return text
