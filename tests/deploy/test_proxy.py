"""The Caddyfile, as Caddy itself judges it. What it does is in test_compose_runs."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from farm.api.serving import IDLE_S
from tests.deploy.compose import ROOT
from tests.deploy.fleet import caddy_program
from tests.services.process import ServiceMissing, skip_or_fail

CADDYFILE = ROOT / "deploy/proxy/Caddyfile"


@pytest.mark.parametrize("site", ["", "http://", "farm.example.org", "https://farm.example.org"])
def test_caddy_takes_it_with_and_without_a_site_of_its_own(site: str, tmp_path: Path) -> None:
    try:
        caddy = caddy_program()
    except ServiceMissing as error:
        skip_or_fail("proxy", error)
    given = {"SITE_ADDRESS": site} if site else {}
    told = subprocess.run(
        [caddy, "validate", "--config", CADDYFILE, "--adapter", "caddyfile"],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **given},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert told.returncode == 0, told.stderr


def test_it_lets_go_of_a_silent_connection_before_the_api_does() -> None:
    [keepalive_s] = re.findall(r"keepalive (\d+)s", CADDYFILE.read_text())
    assert int(keepalive_s) < IDLE_S
