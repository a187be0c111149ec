"""One frozen Settings; the only reader of the environment. Every variable is FARM_<NAME IN CAPITALS>.

FARM_<NAME>_FILE names a file that holds the value instead, as container secrets come; blanks around it do not count.
Standard variables of others keep their names and meaning: AWS_* is read by boto3, CUDA_VISIBLE_DEVICES by torch.
"""

import ipaddress
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from farm.errors import Problem, SettingsInvalid

PREFIX = "FARM_"
BY_FILE = "_FILE"
EMBEDDED_FILE = "run/embedded.json"
"""Written by the embedded farm while it runs: the addresses it chose, so that the commands beside it find it."""


class Settings(BaseModel):
    """How this farm is set up. Durations are in seconds, sizes in the unit their name ends with."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    home: Path = Field(description="what the embedded farm keeps; FARM_HOME, else $XDG_DATA_HOME/farm")
    ledger_url: str = Field("", repr=False, description="SQLAlchemy URL: SQLite in `home`, or postgresql+psycopg://…")
    storage_url: str = Field("", description="file:///folder or s3://bucket/prefix; default a folder in `home`")
    s3_endpoint_url: str | None = Field(None, description="S3 server as the farm sees it; None is AWS")
    s3_public_endpoint_url: str | None = Field(None, description="S3 server as users see it, in signed links")
    redis_url: str = Field("", repr=False, description="redis://:password@host:port/db; none needed on loopback")
    key_prefix: str = Field(
        "farm", pattern=r"^[a-z0-9-]{1,32}$", description="of every Redis key: two farms, one Redis"
    )

    api_host: str = Field("127.0.0.1", description="address the API listens on; 0.0.0.0 is every one of this machine")
    api_port: int = Field(8800, ge=0, le=65535, description="TCP port of the API; 0 picks a free port")
    flower_url: str = Field(
        "",
        pattern=r"^(https?://[^/\s]+|unix:/\S+)?$",
        description="where Flower listens, for the API to show it under /flower: http://host:port or unix:/socket",
    )

    api_url: str = Field(
        "", pattern=r"^(https?://[^/\s]+/?)?$", description="a farm elsewhere, for commands to use; empty: the one here"
    )
    api_key: str = Field(
        "", repr=False, max_length=256, description="the key commands send there; a file needs mode 600"
    )

    device: str = Field(
        "auto", pattern=r"^(auto|cpu|cuda(:?\d+)?)$", description="of a worker: auto, cpu, cuda, cuda:N"
    )
    threads: int = Field(0, ge=0, le=256, description="torch threads of a worker; 0 is one per core it may use")
    train_ranks: int = Field(1, ge=1, le=16, description="how many GPUs share a training run: the worker's and on")
    compile_training: bool = Field(
        False, description="compile the judge's training step: minutes at a slice's start, then faster steps"
    )
    memory_bytes: int = Field(0, ge=0, description="what a worker may use of its device's memory; 0 is all of it")
    worker_name: str = Field("", pattern=r"^[A-Za-z0-9_.-]{0,64}$", description="default <host>-<device>")

    lease_s: float = Field(30.0, gt=0, description="how long a claim holds without a beat; at least six beats")
    beat_s: float = Field(3.0, gt=0, description="how often a running task reports")
    tick_s: float = Field(2.0, gt=0, description="how often the reaper and the nudge run")
    stall_s: float = Field(600.0, gt=0, description="a task without progress for so long gives its lease up")
    task_target_s: float = Field(60.0, gt=0, description="how long a task should last when it is cut")
    ticket_limit_s: float = Field(3600.0, gt=0, description="hard time limit of one ticket, behind the stall limit")
    shutdown_s: float = Field(10.0, gt=0, description="what a stopping worker gets beyond its micro-batch")

    gc_grace_s: float = Field(
        30 * 86400.0, ge=0, description="a portrait no job covers stays so long after its last use"
    )

    photo_max_bytes: int = Field(100_000_000, gt=0, description="largest file accepted as a photo")
    photo_max_px: int = Field(150_000_000, gt=0, description="width times height")
    training_cache_bytes: int = Field(
        20_000_000_000, gt=0, description="decoded photos of a training on a worker's disk; others are fetched again"
    )
    upload_max_bytes: int = Field(2_000_000_000, gt=0, description="largest archive accepted for import")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="the least worth a log line")
    log_format: Literal["text", "json"] = Field("text", description="of log lines: text for people, json for programs")
    metrics_host: str = Field("127.0.0.1", description="address on which a worker tells its numbers, to API keys only")
    metrics_port: int = Field(0, ge=0, le=65535, description="TCP port of a worker's numbers; 0 is none")

    @field_validator("device")
    @classmethod
    def _as_torch_writes_it(cls, value: str) -> str:
        """cuda1 is cuda:1: names of service units hold no colon well."""
        return re.sub(r"^cuda(\d+)$", r"cuda:\1", value)

    @field_validator("redis_url")
    @classmethod
    def _behind_a_password(cls, value: str) -> str:
        """Whoever reaches a Redis without a password sends tickets, shuts workers down, and reads what they do."""
        url = urlsplit(value)
        if value and not is_loopback(url.hostname) and not url.password:
            told = f"Redis at {url.hostname} has no password, and others than this machine reach it"
            raise ValueError(f"{told}: set requirepass there, and write redis://:PASSWORD@host:port/db here")
        return value

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, value: Any) -> Any:
        if not isinstance(value, dict) or "home" not in value:
            return value
        home = Path(value["home"]).absolute()
        filled = {**value, "home": home}
        filled["ledger_url"] = value.get("ledger_url") or f"sqlite:///{home / 'ledger.sqlite'}"
        filled["storage_url"] = value.get("storage_url") or (home / "objects").as_uri()
        return filled

    @model_validator(mode="after")
    def _check(self) -> "Settings":
        if self.lease_s < 6 * self.beat_s:
            raise ValueError("FARM_LEASE_S must be at least six times FARM_BEAT_S")
        return self

    @property
    def is_sqlite(self) -> bool:
        """True where the ledger is the embedded one: one machine, local disk."""
        return self.ledger_url.startswith("sqlite")


def is_loopback(host: str | None) -> bool:
    """True where only this machine reaches that address; no host means a socket, or this machine."""
    if host in (None, "", "localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    inside = getattr(address, "ipv4_mapped", None) or address
    return bool(inside.is_loopback)


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process: defaults, then what a running embedded farm wrote, then the environment.

    A variable that is set to nothing counts as not set. Raises SettingsInvalid naming every wrong variable.
    """
    environment = os.environ if environment is None else environment
    home = _home(environment)
    given, problems = _given(environment)
    try:
        settings = Settings.model_validate({**_embedded_values(home), **given, "home": home})
    except ValidationError as error:
        problems += [
            Problem(
                PREFIX + ".".join(map(str, item["loc"])).upper() if item["loc"] else "",
                item["msg"].removeprefix("Value error, "),
            )
            for item in error.errors()
        ]
        raise SettingsInvalid("settings are wrong", problems=problems) from error
    if problems:
        raise SettingsInvalid("settings are wrong", problems=problems)
    return settings


@dataclass(frozen=True, kw_only=True)
class Told:
    """One setting as a person may see it: its variable, its value without passwords, and where that came from."""

    variable: str
    value: str
    source: str


def told_settings(environment: Mapping[str, str] | None = None) -> list[Told]:
    """Every setting, in order. Raises SettingsInvalid as load_settings does."""
    environment = os.environ if environment is None else environment
    settings = load_settings(environment)
    running = _embedded_values(settings.home)

    def source(name: str) -> str:
        variable = PREFIX + name.upper()
        if environment.get(variable):
            return "environment"
        if environment.get(variable + BY_FILE):
            return f"file {environment[variable + BY_FILE]}"
        return "the farm running here" if name in running else "default"

    values = {**settings.model_dump(mode="json"), "api_key": "***" if settings.api_key else ""}.items()
    return [
        Told(variable=PREFIX + name.upper(), value=_without_password(value), source=source(name))
        for name, value in values
    ]


def unknown_variables(environment: Mapping[str, str] | None = None) -> list[str]:
    """FARM_* variables that are no setting: misspelt, or of another release."""
    environment = os.environ if environment is None else environment
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    return sorted(n for n in environment if n.startswith(PREFIX) and n.removesuffix(BY_FILE) not in known)


def child_environment(settings: Settings) -> dict[str, str]:
    """The environment of a process this one starts: ours, with `settings` in it, so that it loads the very same."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    told = settings.model_dump(mode="json", exclude_none=True)
    return ours | {PREFIX + name.upper(): str(value) for name, value in told.items()}


def _given(environment: Mapping[str, str]) -> tuple[dict[str, str], list[Problem]]:
    """What the environment sets, by value or by file, and what is wrong with that."""
    values: dict[str, str] = {}
    problems: list[Problem] = []
    for name in Settings.model_fields.keys() - {"home"}:
        variable = PREFIX + name.upper()
        value, path = environment.get(variable), environment.get(variable + BY_FILE)
        if path and name == "api_key" and _others_may_read(path):
            problems.append(Problem(variable + BY_FILE, f"others may read {path}: `chmod 600` it"))
        if value and path:
            problems.append(Problem(variable + BY_FILE, f"is set, and {variable} too: unset one of them"))
        try:
            value = value or (Path(path).read_text().strip() if path else "")
        except (OSError, ValueError) as error:
            problems.append(Problem(variable + BY_FILE, f"cannot be read: {error}"))
        else:
            if path and not value:
                problems.append(Problem(variable + BY_FILE, f"names an empty file: {path}"))
        if value:
            values[name] = value
    return values, problems


def _others_may_read(path: str) -> bool:
    return Path(path).is_file() and bool(Path(path).stat().st_mode & 0o077)


def _without_password(value: object) -> str:
    """The value as text; a password inside an address is replaced."""
    text = "" if value is None else str(value)
    return re.sub(r"(?<=://)([^/@:]*):.*@|(?<=[?&])(password)=[^&]*", _hidden, text)


def _hidden(found: re.Match[str]) -> str:
    return f"{found[2]}=***" if found[2] else f"{found[1]}:***@"


def _home(environment: Mapping[str, str]) -> Path:
    """Where the farm lives. Raises SettingsInvalid for a `~` of nobody, and for what a database address cannot hold."""
    data_home = environment.get("XDG_DATA_HOME") or str(Path(environment.get("HOME") or "~") / ".local/share")
    home = Path(environment.get("FARM_HOME") or Path(data_home) / "farm")
    try:
        home = home.expanduser().absolute()
    except RuntimeError as error:
        raise SettingsInvalid("settings are wrong", problems=[Problem("FARM_HOME", str(error))]) from error
    if "?" in str(home) or "\0" in str(home):
        problem = Problem("FARM_HOME", "must be a folder without a question mark or NUL in its path")
        raise SettingsInvalid("settings are wrong", problems=[problem])
    return home


def _embedded_values(home: Path) -> dict[str, Any]:
    """What a running embedded farm wrote of its addresses, or nothing."""
    try:
        written = json.loads((home / EMBEDDED_FILE).read_text())
    except (OSError, ValueError):
        return {}
    allowed = ("redis_url", "api_host", "api_port")
    return {name: written[name] for name in allowed if name in written} if isinstance(written, dict) else {}
