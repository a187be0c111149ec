"""A private S3 server: one Ceph monitor, one object store in memory, one RADOS gateway; the first
two on 127.0.0.1 only.

No manager daemon: nothing here needs one, and without it the gateway answers within seconds.
"""

import contextlib
import functools
import shutil
import subprocess
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import boto3
from botocore.config import Config
from botocore.exceptions import HTTPClientError

from tests.services.process import (
    HERE,
    START_TIMEOUT_S,
    Place,
    ServiceFailed,
    ServiceMissing,
    ServiceProcess,
    free_ports,
    scratch_folder,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PROGRAMS = ("ceph", "ceph-authtool", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin")
ACCESS_KEY = "farmtests"
SECRET_KEY = "not-a-secret-only-for-tests"
MEMORY_BYTES = 2 * 1024**3

CONFIGURATION = """\
[global]
fsid = {fsid}
mon host = {monitors}
public addr = 127.0.0.1
cluster addr = 127.0.0.1
keyring = {folder}/keyring
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon warn on pool no redundancy = false
mon max pg per osd = 1000
run dir = {folder}/run
admin socket = {folder}/run/$name.asok
log file = {folder}/log/$name.log
pid file = {folder}/run/$name.pid
ms bind ipv6 = false
[mon]
mon data = {folder}/mon
mon initial members = a
mon data avail crit = 1
paxos propose interval = 0.05
[osd]
osd data = {folder}/osd
osd objectstore = memstore
memstore device bytes = {memory_bytes}
osd class load list = *
osd class default list = *
[client.rgw.a]
rgw frontends = beast endpoint={address}:{port}
rgw data = {folder}/rgw
rgw thread pool size = 32
"""

KEYS = {
    "mon.": ("mon", "allow *"),
    "client.admin": ("mon", "allow *", "osd", "allow *", "mgr", "allow *"),
    "osd.0": ("mon", "allow profile osd", "osd", "allow *"),
    "client.rgw.a": ("mon", "allow rw", "osd", "allow rwx"),
}


class RgwServer:
    """One gateway with one user."""

    credentials: ClassVar[dict[str, str]] = {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    """The AWS_* variables that open it."""

    def __init__(self, folder: Path, *, place: Place = HERE) -> None:
        self._folder = folder
        self._place = place
        self._port, *self._monitor_ports = free_ports(3)
        self.endpoint_url = f"http://{place.address}:{self._port}"
        self._processes: list[ServiceProcess] = []

    def start(self) -> None:
        for name in ("mon", "osd", "rgw", "run", "log"):
            (self._folder / name).mkdir()
        self._configure()
        self._serve("ceph-mon", "-i", "a", "-f")
        store_id = str(uuid.uuid4())
        self._run("ceph", "--connect-timeout", "30", "osd", "new", store_id)
        self._run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", store_id)
        self._serve("ceph-osd", "-i", "0", "-f")
        self._run("ceph", "osd", "crush", "add", "osd.0", "1.0", "root=default", "host=localhost")
        user = ("--uid", "tests", "--display-name", "tests", "--access-key", ACCESS_KEY, "--secret", SECRET_KEY)
        self._run("radosgw-admin", "user", "create", *user)
        gateway = self._serve("radosgw", "-n", "client.rgw.a", "-f")
        gateway.wait_until(self.answers)

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.endpoint_url, timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    @functools.cached_property
    def _client(self) -> "S3Client":
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint_url,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            region_name="us-east-1",
            config=Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required"),
        )

    @contextlib.contextmanager
    def bucket(self) -> Iterator[str]:
        """Name of a new, empty bucket, emptied and removed at the end."""
        name = f"farm-{uuid.uuid4().hex[:12]}"
        with self._told():
            self._client.create_bucket(Bucket=name)
        try:
            yield name
        finally:
            with self._told():
                self._remove(name)

    def _remove(self, bucket: str) -> None:
        for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for entry in page.get("Contents", []):
                self._client.delete_object(Bucket=bucket, Key=entry["Key"])
        self._client.delete_bucket(Bucket=bucket)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """A gateway that does not answer is no use without what its daemons say; they go with the test session."""
        try:
            yield
        except HTTPClientError as error:
            logs = sorted((self._folder / "log").iterdir())
            told = [f"{log.name}:\n{log.read_text(errors='replace')[-1500:]}" for log in logs if log.stat().st_size]
            ended = [process.process.args for process in self._processes if process.process.poll() is not None]
            raise ServiceFailed("\n".join([f"{error}; daemons that ended: {ended}", self._health(), *told])) from error

    def _health(self) -> str:
        """Whether the store is full, or an operation hangs in it."""
        try:
            return self._run("ceph", "--connect-timeout", "10", "health", "detail")
        except ServiceFailed as error:
            return str(error)

    def fill(self, bucket: str) -> None:
        """No room is left in the bucket: its quota is used up."""
        self._quota("set", bucket, "--max-objects=1")
        self._quota("enable", bucket)

    def make_room(self, bucket: str) -> None:
        """The quota is lifted."""
        self._quota("disable", bucket)

    def rename(self, bucket: str, to: str) -> None:
        """The bucket goes by another name, with all it holds."""
        self._run("radosgw-admin", "bucket", "link", "--uid=tests", f"--bucket={bucket}", f"--bucket-new-name={to}")

    def _quota(self, verb: str, bucket: str, *more: str) -> None:
        self._run("radosgw-admin", "quota", verb, "--quota-scope=bucket", f"--bucket={bucket}", *more)

    def stop(self) -> None:
        """All that is stored is in memory and meant to go: no daemon needs time to say good-bye."""
        if "_client" in self.__dict__:
            self._client.close()
        for process in reversed(self._processes):
            process.kill()

    def _configure(self) -> None:
        fsid = str(uuid.uuid4())
        v2, v1 = self._monitor_ports
        monitors = f"[v2:127.0.0.1:{v2},v1:127.0.0.1:{v1}]"
        self._config.write_text(
            CONFIGURATION.format(
                fsid=fsid,
                monitors=monitors,
                folder=self._folder,
                address=self._place.address,
                port=self._port,
                memory_bytes=MEMORY_BYTES,
            )
        )
        keyring = self._folder / "keyring"
        for number, (name, rights) in enumerate(KEYS.items()):
            caps = [part for who, what in zip(rights[::2], rights[1::2], strict=True) for part in ("--cap", who, what)]
            create = ["--create-keyring"] if number == 0 else []
            self._run("ceph-authtool", *create, str(keyring), "--gen-key", "-n", name, *caps)
        monmap = str(self._folder / "monmap")
        self._run("monmaptool", "--create", "--fsid", fsid, "--addv", "a", monitors, monmap)
        self._run("ceph-mon", "--mkfs", "-i", "a", "--monmap", monmap, "--keyring", str(keyring))

    @property
    def _config(self) -> Path:
        return self._folder / "ceph.conf"

    def _serve(self, program: str, *arguments: str) -> ServiceProcess:
        command = [program, "-c", str(self._config), *arguments]
        process = ServiceProcess(command, log=self._folder / "log" / f"{program}.out", place=self._place)
        self._processes.append(process)
        return process

    def _run(self, program: str, *arguments: str) -> str:
        configured = program not in ("ceph-authtool", "monmaptool")
        done = subprocess.run(
            [*self._place.enter, program, *(("-c", str(self._config)) if configured else ()), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=START_TIMEOUT_S,
            check=False,
        )
        if done.returncode:
            raise ServiceFailed(f"{program} {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout


@contextlib.contextmanager
def running_rgw(*, place: Place = HERE) -> Iterator[RgwServer]:
    """A started server, stopped at the end. Raises ServiceMissing."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        raise ServiceMissing(f"Ceph's {', '.join(missing)} not found (Debian: radosgw ceph-mon ceph-osd ceph-common)")
    with scratch_folder("rgw") as folder:
        server = RgwServer(folder, place=place)
        try:
            server.start()
            yield server
        finally:
            server.stop()
