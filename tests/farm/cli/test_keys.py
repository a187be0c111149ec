"""`farm keys`: made, listed, revoked."""

import json
import os
import subprocess
import sys

import pytest

from farm.ledger import Role
from farm.service import Service
from farm.settings import Settings
from tests.farm.cli.conftest import Farm


def test_a_shell_takes_the_secret_and_nothing_else(settings: Settings, service: Service) -> None:
    # Given a shell that keeps what the command says
    script = f'KEY=$("{sys.executable}" -m farm keys create ann --role artist) && printf "%s" "$KEY"'
    script = script.replace("-m farm", "-c 'from farm.cli.main import main; main()'")
    environment = {**os.environ, "FARM_HOME": str(settings.home)}

    ended = subprocess.run(
        ["sh", "-c", script], env=environment, capture_output=True, text=True, timeout=60, check=True
    )

    # Then it holds the secret alone, and the words went to the terminal
    found = service.ledger.find_key(ended.stdout)
    assert found is not None
    assert (found.name, found.role) == ("ann", Role.ARTIST)
    assert "nobody can show it again" in ended.stderr
    assert ended.stdout not in ended.stderr


def test_keys_are_listed_without_secrets_and_revoked(farm: Farm, service: Service) -> None:
    assert "farm keys create" in farm("keys", "list").out
    secret = farm("keys", "create", "ann", "--role", "viewer").out.strip()

    listed = farm("keys", "list")
    assert "never" in listed.out
    assert secret not in listed.out
    [key] = json.loads(farm("keys", "list", "--json").out)
    assert (key["name"], key["role"], key["revoked_at"]) == ("ann", "viewer", None)

    assert farm("keys", "revoke", str(key["id"])).out == f"key {key['id']} is revoked\n"
    assert service.ledger.find_key(secret) is None
    assert "was revoked before" in farm("keys", "revoke", str(key["id"])).out
    assert farm("keys", "revoke", "99").err == "farm: there is no key 99\n"


@pytest.mark.parametrize(("name", "role", "lines"), [("Ann B", "king", 3), ("ann", "root", 2), ("", "admin", 2)])
def test_every_mistake_is_told(farm: Farm, name: str, role: str, lines: int) -> None:
    said = farm("keys", "create", name, "--role", role)

    assert (said.code, said.out) == (2, "")
    assert len(said.err.splitlines()) == lines
