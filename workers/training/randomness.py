"""Counter-keyed randomness: every draw is a function of (run seed, purpose, image index), never of call order.

A slice, a loader thread or a rank therefore holds no random state: whoever processes image `i` draws the same numbers.
"""

import hashlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt


@lru_cache(maxsize=256)
def _purpose_key(run_seed: int, purpose: str) -> int:
    """64 bits that separate the streams of two purposes, and of two runs."""
    return int.from_bytes(hashlib.sha256(f"{run_seed}/{purpose}".encode()).digest()[:8], "little")


def generator(run_seed: int, purpose: str, index: int) -> np.random.Generator:
    """The random numbers of one image for one purpose, from Philox (Salmon et al. 2011), a counter-based generator.

    index: image index within the run, 0 … 2^63 - 1; all ranks count globally.
    """
    key = np.array([_purpose_key(run_seed, purpose), index], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key))


def seeds(run_seed: int, purpose: str, indices: Sequence[int]) -> list[int]:
    """One seed in 0 … 2^63 - 1 per image index."""
    return [int(generator(run_seed, purpose, index).integers(0, 2**63 - 1, endpoint=True)) for index in indices]


@lru_cache(maxsize=8)
def permutation(run_seed: int, epoch: int, size: int) -> npt.NDArray[np.int64]:
    """The order of `size` photos in one epoch; read-only, because it is kept for the next call."""
    order = generator(run_seed, "order", epoch).permutation(size)
    order.flags.writeable = False
    return order


def photo_of(run_seed: int, index: int, size: int) -> int:
    """Which of `size` photos image `index` of the run shows: every photo once an epoch, in a keyed order."""
    epoch, place = divmod(index, size)
    return int(permutation(run_seed, epoch, size)[place])
