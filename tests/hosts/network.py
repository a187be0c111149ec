"""Machines on one cable: network namespaces with addresses on a bridge, which can be cut off without a word.

Nobody here ever gets an error from a cut: frames just go nowhere, as behind a dead switch or a firewall that drops. A
link that is down, or a route that refuses, would tell the other end at once; waiting for an answer that never comes is
what hangs programs.
"""

import contextlib
import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

from tests.services.process import ServiceMissing

NOBODY = "02:00:00:00:00:99"
"""A hardware address that no machine on the bridge has."""
TESTS_HOST = 1
"""The tests' own address on the bridge ends so."""


@dataclass(frozen=True)
class Host:
    """One machine: the namespace, its end of the cable on the bridge, and its addresses by what answers there."""

    namespace: str
    port: str
    addresses: dict[str, str]

    @property
    def address(self) -> str:
        return next(iter(self.addresses.values()))

    @property
    def enter(self) -> tuple[str, ...]:
        """What runs a command on this machine."""
        return ("ip", "netns", "exec", self.namespace)

    @contextlib.contextmanager
    def unplugged(self) -> Iterator[None]:
        """Nothing reaches this machine and nothing leaves it; its link stays up."""
        _run("bridge", "link", "set", "dev", self.port, "state", "0")
        try:
            yield
        finally:
            _run("bridge", "link", "set", "dev", self.port, "state", "3")

    @contextlib.contextmanager
    def without(self, address: str) -> Iterator[None]:
        """What this machine sends to one address of another goes to nobody."""
        self._neighbour("replace", address, "lladdr", NOBODY, "nud", "permanent")
        try:
            yield
        finally:
            self._neighbour("del", address)

    def _neighbour(self, verb: str, address: str, *more: str) -> None:
        _run("ip", "-n", self.namespace, "neigh", verb, address, "dev", "eth0", *more)


class Network:
    """One bridge. `close` removes it and every machine on it."""

    def __init__(self) -> None:
        """Raises ServiceMissing where this machine does not let us."""
        self._tag = f"{os.getpid():x}"
        self._bridge = f"fb{self._tag}"
        self._net = _free_net()
        self._hosts: list[Host] = []
        missing = [program for program in ("ip", "bridge", "taskset") if shutil.which(program) is None]
        if missing or os.geteuid() != 0:
            raise ServiceMissing(
                f"machines are network namespaces: that takes root{''.join(f', {m}' for m in missing)}"
            )
        try:
            _run("ip", "link", "add", self._bridge, "type", "bridge")
            _run("ip", "addr", "add", f"{self._net}.{TESTS_HOST}/24", "dev", self._bridge)
            _run("ip", "link", "set", self._bridge, "up")
        except NetworkRefused as error:
            self.close()
            raise ServiceMissing(f"network namespaces are not allowed here: {error}") from error

    def add(self, name: str, **addresses: int) -> Host:
        """A machine; `addresses`: the last numbers of its addresses, by what answers there.

        Raises ServiceMissing.
        """
        host = Host(
            namespace=f"farm-{self._tag}-{name}",
            port=f"fp{self._tag}{len(self._hosts)}",
            addresses={what: f"{self._net}.{last}" for what, last in addresses.items()},
        )
        self._hosts.append(host)
        within = ("ip", "-n", host.namespace)
        try:
            _run("ip", "netns", "add", host.namespace)
            _run("ip", "link", "add", host.port, "type", "veth", "peer", "name", "eth0", "netns", host.namespace)
            for address in host.addresses.values():
                _run(*within, "addr", "add", f"{address}/24", "dev", "eth0")
            _run(*within, "link", "set", "lo", "up")
            _run(*within, "link", "set", "eth0", "up")
            _run("ip", "link", "set", host.port, "master", self._bridge, "up")
        except NetworkRefused as error:
            raise ServiceMissing(f"network namespaces are not allowed here: {error}") from error
        return host

    def close(self) -> None:
        for host in self._hosts:
            with contextlib.suppress(NetworkRefused):
                _run("ip", "netns", "del", host.namespace)
        with contextlib.suppress(NetworkRefused):
            _run("ip", "link", "del", self._bridge)


@contextlib.contextmanager
def open_network() -> Iterator[Network]:
    """A network without machines, gone at the end. Raises ServiceMissing."""
    network = Network()
    try:
        yield network
    finally:
        network.close()


class NetworkRefused(Exception):
    """The kernel, or who guards it, did not do what was asked."""


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    if done.returncode:
        raise NetworkRefused(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def _free_net() -> str:
    """The first three numbers of a network nobody here routes to, out of those set apart for benchmarks (RFC 2544)."""
    routes = _run("ip", "-o", "route") if shutil.which("ip") else ""
    nets = [f"198.{second}.{third}" for second in (18, 19) for third in range(256)]
    return random.choice([net for net in nets if f"{net}." not in routes])
