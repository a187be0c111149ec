"""What a device reaches on its best layers: convolutions, matrix products, and a plain copy. Best of several tries."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from tests.benchmarks.counting import Peaks
from workers.cascade.canonical import canonical
from workers.cascade.config import CanonicalCall, Dtype

TRIES = 7
COPY_BYTES = 128 << 20
SQUARES = (1024, 2048)
"""Sides of the matrices."""
MAPS = ((64, 256), (128, 128), (256, 64))
"""Channels and sides of the maps under 3x3 convolutions."""


def seconds(work: Callable[[], object], device: torch.device, *, threads: int = 1, tries: int = TRIES) -> list[float]:
    """How long `work` takes, each time, after once for nothing.

    On a CPU with one thread it is that thread's processor time, which neighbours on the machine hardly disturb;
    otherwise the clock.
    """
    clock = time.thread_time if device.type == "cpu" and threads == 1 else time.perf_counter
    taken = []
    for _ in range(tries + 1):
        wait_for(device)
        began_s = clock()
        work()
        wait_for(device)
        taken.append(clock() - began_s)
    return taken[1:]


def wait_for(device: torch.device) -> None:
    """Until the device has done all it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def peaks(device: torch.device, *, threads: int) -> tuple[Peaks, dict[str, float]]:
    """The best of each kind, and every figure by name, in operations or bytes a second."""
    found: dict[str, float] = {}
    for dtype in ("fp32", "bf16"):
        found |= {f"{dtype} {name}": each for name, each in _operations(device, dtype, threads)}
    found["copy"] = _copied(device, threads)
    best = {dtype: max(each for name, each in found.items() if name.startswith(dtype)) for dtype in ("fp32", "bf16")}
    return Peaks(fp32=best["fp32"], bf16=best["bf16"], bytes_a_s=found["copy"]), found


def _operations(device: torch.device, dtype: Dtype, threads: int) -> Iterator[tuple[str, float]]:
    torch_dtype = torch.bfloat16 if dtype == "bf16" else torch.float32
    for side in SQUARES:
        one = torch.randn(side, side, device=device, dtype=torch_dtype)
        with _called(dtype, threads, device):
            taken = seconds(lambda one=one: one @ one, device, threads=threads)  # type: ignore[misc]
        yield f"product {side}²", 2 * side**3 / min(taken)
    for channels, side in MAPS:
        maps = torch.randn(1, channels, side, side, device=device, dtype=torch_dtype)
        maps = maps.contiguous(memory_format=torch.channels_last)
        kernel = torch.randn(channels, channels, 3, 3, device=device, dtype=torch_dtype)
        kernel = kernel.contiguous(memory_format=torch.channels_last)
        with _called(dtype, threads, device):
            work = lambda maps=maps, kernel=kernel: torch.nn.functional.conv2d(maps, kernel, padding=1)  # noqa: E731
            taken = seconds(work, device, threads=threads)
        yield f"conv 3x3 {channels} ch {side}²", 2 * 9 * channels**2 * side**2 / min(taken)


def _copied(device: torch.device, threads: int) -> float:
    """Bytes read and written a second by a copy larger than any cache."""
    source = torch.randint(256, (COPY_BYTES,), dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    with _called("fp32", threads, device):
        return 2 * COPY_BYTES / min(seconds(lambda: target.copy_(source), device, threads=threads))


@contextmanager
def _called(dtype: Dtype, threads: int, device: torch.device) -> Iterator[None]:
    with canonical(CanonicalCall(window_px=0, micro_batch=1, dtype=dtype, threads=threads), device):
        yield
