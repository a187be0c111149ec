"""A worker's numbers over HTTP: for keys, in an outage too, and never in the way of the work."""

from collections.abc import Iterator

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from farm.errors import LedgerUnavailable
from workers.lifecycle import Meter, NumbersDoor
from workers.lifecycle.meter import Ending


class Keys:
    """A ledger that knows one key."""

    def __init__(self) -> None:
        self.known, self.away = {"right"}, False

    def find(self, secret: str) -> object | None:
        if self.away:
            raise LedgerUnavailable("the ledger does not answer")
        return secret if secret in self.known else None


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
def door(keys: Keys) -> Iterator[NumbersDoor]:
    meter = Meter()
    meter.ended("render", Ending.DONE, seconds=3.0, units=8)
    door = NumbersDoor(meter.registry, knows=keys.find)
    assert door.open("127.0.0.1", 0)
    yield door
    door.close()


def asked(door: NumbersDoor, key: str = "right", *, path: str = "/metrics", scheme: str = "Bearer") -> httpx.Response:
    headers = {"Authorization": f"{scheme} {key}"} if key else {}
    return httpx.get(f"http://127.0.0.1:{door.port}{path}", headers=headers, trust_env=False, timeout=10)


def test_a_key_opens_it(door: NumbersDoor) -> None:
    answer = asked(door)
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    assert families["farm_settled_units"].samples[0].value == 8
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")


@pytest.mark.parametrize(
    ("key", "scheme"), [("", "Bearer"), ("wrong", "Bearer"), ("right", "Basic"), ("x" * 999, "Bearer")]
)
def test_nothing_else_does(door: NumbersDoor, key: str, scheme: str) -> None:
    assert asked(door, key, scheme=scheme).status_code == 401


def test_there_is_nothing_beside_the_numbers(door: NumbersDoor) -> None:
    assert asked(door, path="/").status_code == 404


def test_in_an_outage_of_the_ledger_the_keys_it_knew_still_open(door: NumbersDoor, keys: Keys) -> None:
    keys.known.add("another")
    assert asked(door).status_code == 200
    keys.away = True
    assert (asked(door).status_code, asked(door, "another").status_code) == (200, 401)
    keys.away = False
    keys.known.clear()
    assert asked(door).status_code == 401
    keys.away = True
    assert asked(door).status_code == 401, "a revoked key does not come back with an outage"


def test_a_taken_port_is_a_line_in_the_log_and_no_more(door: NumbersDoor, caplog: pytest.LogCaptureFixture) -> None:
    second = NumbersDoor(Meter().registry, knows=lambda _: None)
    assert not second.open("127.0.0.1", door.port)
    assert f"not to be had at 127.0.0.1:{door.port}" in caplog.text
    assert second.port == 0
