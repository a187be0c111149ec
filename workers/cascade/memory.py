"""Running out of memory, in whichever words torch, NumPy or the driver tell it."""

from __future__ import annotations

import torch

from farm.errors import OutOfMemory

_WORDS = (
    "can't allocate memory",  # torch's CPU allocator
    "std::bad_alloc",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)


def as_out_of_memory(error: BaseException, doing: str) -> OutOfMemory | None:
    """The error as ours where it is that, else None. `doing`: what the memory was asked for."""
    if isinstance(error, OutOfMemory):
        return error
    ran_out = isinstance(error, MemoryError | torch.OutOfMemoryError)
    if not ran_out and not (isinstance(error, RuntimeError) and any(words in str(error) for words in _WORDS)):
        return None
    told = " ".join(str(error).split())[:200]
    return OutOfMemory(f"too little memory for {doing}" + (f": {told}" if told else ""))


def free_what_is_cached(device: torch.device) -> None:
    """Gives back to the driver what torch keeps for later: the next work may want it in other pieces."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
