"""What docker-compose.yml must hold to, whoever edits it. That Compose takes it at all is the schema's matter."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from farm.embedded.farm import MICRO_BATCH_S
from farm.settings import BY_FILE, PREFIX, Settings
from tests.deploy.compose import COMPOSE, ROOT, compose, seconds

SERVICES: dict[str, dict[str, Any]] = compose()["services"]
WORKERS = ("worker", "gpu-worker")
OURS = ("api", "flower", *WORKERS)
SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|CREDENTIAL|_KEY\b|REDIS_URL|LEDGER_URL")

each_service = pytest.mark.parametrize("name", SERVICES)


def test_the_whole_farm_is_there() -> None:
    assert set(SERVICES) == {"redis", "postgres", "s3", "proxy", *OURS}
    assert SERVICES["gpu-worker"]["profiles"] == ["gpu"]
    [gpu] = SERVICES["gpu-worker"]["deploy"]["resources"]["reservations"]["devices"]
    assert (gpu["driver"], gpu["capabilities"]) == ("nvidia", ["gpu"])


def test_the_schema_refuses_what_compose_would_not_understand(tmp_path: Path) -> None:
    """`make check` asks it; here is shown that it finds something."""
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(COMPOSE.read_text().replace("healthcheck:", "health_check:", 1))
    program = Path(sys.executable).with_name("check-jsonschema")
    told = [
        subprocess.run(
            [program, "--builtin-schema", "vendor.compose-spec", file], capture_output=True, timeout=60, check=False
        )
        for file in (COMPOSE, wrong)
    ]
    assert [each.returncode for each in told] == [0, 1]
    assert b"health_check" in told[1].stdout


@each_service
def test_every_service_is_watched_and_comes_back(name: str) -> None:
    service = SERVICES[name]
    assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")
    assert service["restart"] == "unless-stopped"
    assert service["logging"]["options"]["max-size"]


@each_service
def test_every_service_runs_without_rights(name: str) -> None:
    service = SERVICES[name]
    assert str(service["user"]).partition(":")[0] not in ("", "0", "root")
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")
    assert all("docker.sock" not in str(volume) for volume in service.get("volumes", ()))


@each_service
def test_every_image_is_named_by_exact_version(name: str) -> None:
    service = SERVICES[name]
    image, _, digest = service["image"].partition("@")
    tag = image.rpartition(":")[2]
    assert re.fullmatch(r"\d+\.\d+(\.\d+)?(-alpine)?", tag), image
    assert not digest or re.fullmatch(r"sha256:[0-9a-f]{64}", digest)
    if "build" in service:
        assert tag == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
        assert (ROOT / service["build"]["dockerfile"]).is_file()


def test_the_s3_server_is_past_the_fault_that_lost_multipart_uploads() -> None:
    version = SERVICES["s3"]["image"].partition("@")[0].rpartition(":")[2]
    assert tuple(map(int, version.split("."))) > (4, 47)


@each_service
def test_ports_answer_on_this_machine_alone_unless_told(name: str) -> None:
    for port in SERVICES[name].get("ports", ()):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)
    assert name in ("redis", "postgres", "s3", "proxy") or "ports" not in SERVICES[name]


def test_only_the_door_and_the_api_share_a_network() -> None:
    on_door = {name for name, service in SERVICES.items() if "door" in service["networks"]}
    assert on_door == {"proxy", "api"}
    assert SERVICES["proxy"]["networks"] == ["door"]


@each_service
def test_no_secret_stands_in_the_open(name: str) -> None:
    service = SERVICES[name]
    for variable, value in service.get("environment", {}).items():
        if SECRET.search(variable):
            assert str(value).startswith("/run/secrets/"), variable
            assert Path(value).name in service["secrets"]
    assert not re.search(r"://[^/\s]*:[^/\s]*@", str(service))


def test_every_secret_is_made_by_the_script(tmp_path: Path) -> None:
    subprocess.run([ROOT / "deploy/secrets.sh", tmp_path], check=True, capture_output=True, timeout=30)
    declared = compose()["secrets"]
    used = {secret for service in SERVICES.values() for secret in service.get("secrets", ())}
    assert used == set(declared)
    for name, secret in declared.items():
        assert secret == {"file": f"secrets/{name}"}
        assert (tmp_path / name).stat().st_size > 0


@pytest.mark.parametrize("name", ["api", *WORKERS])
def test_the_farms_own_services_find_the_rest_by_settings_alone(name: str) -> None:
    environment = SERVICES[name]["environment"]
    for setting in ("LEDGER_URL", "REDIS_URL"):
        assert environment[PREFIX + setting + BY_FILE].startswith("/run/secrets/")
    assert environment["FARM_STORAGE_URL"] == "s3://farm"
    assert "-bucket=farm" in SERVICES["s3"]["command"]
    assert SERVICES[name]["depends_on"].keys() == {"redis", "postgres", "s3"}


def test_prometheus_is_told_where_compose_has_the_numbers() -> None:
    told = (ROOT / "deploy/prometheus/prometheus.yml").read_text()
    for name, variable in (("api", "FARM_API_PORT"), ("worker", "FARM_METRICS_PORT")):
        assert f"{name}:{SERVICES[name]['environment'][variable]}" in told
    assert SERVICES["gpu-worker"]["environment"]["FARM_METRICS_HOST"] == "0.0.0.0"


def test_flower_is_given_the_queue_and_no_more() -> None:
    assert SERVICES["flower"]["environment"] == {"FARM_REDIS_URL_FILE": "/run/secrets/redis_url"}
    assert SERVICES["flower"]["secrets"] == ["redis_url"]


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_gets_the_time_it_needs_to_give_its_work_back(name: str) -> None:
    service = SERVICES[name]
    needed_s = Settings.model_fields["shutdown_s"].default + MICRO_BATCH_S
    assert seconds(service["stop_grace_period"]) > needed_s
    assert service["command"][:2] == ["farm", "worker"], "exec form: no shell between Docker and Celery"
    assert service["init"] is True


def test_the_s3_server_and_the_ledger_get_a_minute_to_stop() -> None:
    assert seconds(SERVICES["s3"]["stop_grace_period"]) >= 60
    assert seconds(SERVICES["postgres"]["stop_grace_period"]) >= 60


def test_every_variable_of_the_farm_in_a_deployment_file_is_a_setting() -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    files = [COMPOSE, *(path for path in (ROOT / "deploy").rglob("*") if path.suffix in _TEXT and path.is_file())]
    found = {
        (str(path.relative_to(ROOT)), word)
        for path in files
        for word in re.findall(r"\bFARM_[A-Z0-9_]+", path.read_text())
        if word.removesuffix(BY_FILE) not in known
    }
    assert found == set()


_TEXT = {".Dockerfile", ".service", ".conf", ".sh", ".md", ".yml", ""}
