"""The whole farm on this machine, for `farm up` and `farm demo`."""

from farm.embedded.farm import FLOWER_USER, EmbeddedFarm, Running
from farm.embedded.foreground import run_embedded

__all__ = ["FLOWER_USER", "EmbeddedFarm", "Running", "run_embedded"]
