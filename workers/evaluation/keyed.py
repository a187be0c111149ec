"""Fixed random numbers of the figures: a function of their name alone, the same on every machine."""

import numpy as np
import torch
from numpy.typing import NDArray

from workers.cascade.noise import key_words, keyed_normal


def normal_rows(name: str, rows: int, columns: int) -> NDArray[np.float32]:
    """Nearly unit normal values [rows, columns] (see ``workers.cascade.noise``)."""
    keys = torch.tensor([key_words("evaluation", name)], dtype=torch.int64)
    drawn = keyed_normal(keys, torch.arange(rows), torch.arange(columns))
    return np.asarray(drawn[0].numpy(), dtype=np.float32)


def directions(name: str, count: int, dim: int) -> NDArray[np.float32]:
    """Random directions, rows of length 1: [count, dim]."""
    drawn = normal_rows(name, count, dim)
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True), dtype=np.float32)
