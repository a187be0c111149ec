"""Fingerprints without pictures."""

import numpy as np

from workers.curation.fingerprint import Fingerprint


def invented(seed: int, patterns: int = 40) -> Fingerprint:
    """One that is like no other seed's."""
    chance = np.random.default_rng(seed)
    return Fingerprint(
        chance.integers(0, 256, (32, 32), dtype=np.uint8),
        np.rint(chance.uniform(-32, 32, (patterns, 2))).astype(np.float32) / 64,
        np.rint(chance.uniform(-160, -64, patterns)).astype(np.float32) / 32,
        chance.integers(0, 256, patterns).astype(np.float32) / 256,
        chance.integers(0, 2**64, patterns, dtype=np.uint64),
    )


def shaken(one: Fingerprint, seed: int) -> Fingerprint:
    """One as of a re-saved copy: some signs and greys differ, some patterns are lost."""
    chance = np.random.default_rng(seed)
    kept = chance.permutation(len(one.bits))[: max(1, 3 * len(one.bits) // 4)]
    bits = one.bits[kept].copy()
    for _ in range(3):
        bits ^= np.uint64(1) << chance.integers(0, 64, len(bits), dtype=np.uint64)
    thumb = np.clip(one.thumb + chance.normal(0, 4, one.thumb.shape), 0, 255).astype(np.uint8)
    return Fingerprint(thumb, one.xy[kept], one.size[kept], one.angle[kept], bits)
