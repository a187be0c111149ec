"""docker-compose.yml as Compose would read it, for the tests beside this."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "docker-compose.yml"
_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


def interpolated(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """`${NAME:-default}` filled in, and `$$` as the dollar it stands for."""
    filled = _VARIABLE.sub(lambda found: environment.get(found[1]) or found[2] or "", text)
    return filled.replace("$$", "$")


def compose(environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The whole file, merged and filled in from `environment` (default: nothing)."""
    text = interpolated(COMPOSE.read_text(), environment or {})
    loaded: dict[str, Any] = YAML(typ="safe", pure=True).load(text)
    return loaded


def seconds(duration: str) -> float:
    """Compose's `60s` or `2m`."""
    return float(duration[:-1]) * {"s": 1, "m": 60}[duration[-1]]
