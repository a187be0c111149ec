"""How much memory this process may use of its machine."""

import os
import resource
from pathlib import Path

CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""Of cgroups of version 2 and 1, as a container sees its own."""


def host_memory_bytes(limits: tuple[str, ...] = CGROUP_LIMITS) -> int:
    """The machine's memory, or less where its container or a resource limit allows less."""
    found = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    found += [int(text) for text in map(_told, limits) if text.isdecimal()]
    for limit in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
        soft, _ = resource.getrlimit(limit)
        found += [soft] if soft != resource.RLIM_INFINITY else []
    return min(found)


def keep_below(memory_bytes: int) -> None:
    """From now on an allocation beyond so many bytes of data fails, and the work that asked for it can go elsewhere."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = memory_bytes if hard == resource.RLIM_INFINITY else min(memory_bytes, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def _told(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""
