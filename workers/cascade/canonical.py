"""The canonical call.

everything outside a network that changes its bits, set around every forward pass and put back after it.
"""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch

from workers.cascade.arithmetic import computes_bf16
from workers.cascade.config import CanonicalCall
from workers.cascade.memory import as_out_of_memory, free_what_is_cached

GIANT_WINDOW_HALOS = 48
"""How long a giant picture's windows may be. Then less than a tenth of what is painted is thrown away, for any picture
and any halo of 5 px or more: tiles of some 41 halos do it, and the rest is for rounding."""

_CPU_FLAGS = ("amx_bf16", "avx512_bf16", "avx512f", "avx2")


@contextlib.contextmanager
def canonical(call: CanonicalCall, device: torch.device) -> Iterator[None]:
    """Run the block as ``call`` says: threads, dtype by autocast, no gradients, no algorithm chosen by a stopwatch.

    bfloat16 is autocast rather than cast weights: it is what training ran, and the last sums stay float32. A device
    without bfloat16 computes the same weights in float32, and its render class says so. Raises
    OutOfMemory when the device has too little; the call is never made smaller, since a smaller one gives other
    pixels.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(call.threads)
    autocast = torch.autocast(device.type, dtype=torch.bfloat16, enabled=call.dtype == "bf16" and computes_bf16(device))
    cudnn = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
    try:
        with torch.inference_mode(), cudnn, autocast:
            yield
    except (RuntimeError, MemoryError) as error:
        ran_out = as_out_of_memory(error, f"the canonical call {call} on {device}")
        if ran_out is None:
            raise
        free_what_is_cached(device)
        raise ran_out from error
    finally:
        torch.set_num_threads(threads)


def giant_call(call: CanonicalCall, *, halo_px: int) -> CanonicalCall:
    """The canonical call for pictures larger than the stage was made for: long windows, one at a time.

    A function of the stage's configuration alone, so that bits stay a function of cascade and recipe: never of the
    memory or the number of workers there are.
    """
    return replace(call, window_px=max(call.window_px, GIANT_WINDOW_HALOS * halo_px), micro_batch=1)


def render_class(device: torch.device) -> str:
    """Machines that give the same bytes for the same recipe: device model, instruction set, torch build.

    Dtype and threads belong to it too, but they are part of the cascade's canonical calls, so of its digest.
    """
    held = "" if computes_bf16(device) else ", bf16 in fp32"
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}{held}; cuda {torch.version.cuda}; torch {torch.__version__}"
    instructions = torch.backends.cpu.get_cpu_capability()
    return f"{_cpu_model()}; {instructions}{held}; torch {torch.__version__}"


def _cpu_model() -> str:
    """The processor's name and the instruction sets that decide which kernels run, where the system tells."""
    told = Path("/proc/cpuinfo")
    if not told.exists():
        return platform.processor() or platform.machine()
    lines = (line.partition(":") for line in told.read_text(encoding="utf-8").splitlines())
    fields = {name.strip(): value.strip() for name, _, value in lines}
    flags = fields.get("flags", "").split()
    return " ".join([fields.get("model name", platform.machine()), *(flag for flag in _CPU_FLAGS if flag in flags)])
