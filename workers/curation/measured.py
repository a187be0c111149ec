"""What was measured on one photo, read from its row: numbers where they are, None where they are not."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Measured:
    """The measurements of a row and its frame. Values a gate did not leave, and what is no number, are None."""

    frame_px: int
    native_px: int
    gates: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Measured":
        """Of a row whose photo was opened."""
        return cls(int(row["frame_px"]), int(row["native_px"]), json.loads(row["measurements"]))

    def value(self, gate: str) -> float | None:
        """The gate's own number."""
        return _number(self.gates.get(gate, {}).get("value"))

    def detail(self, gate: str, name: str) -> float | None:
        """One of its further numbers."""
        return _number((self.gates.get(gate, {}).get("details") or {}).get(name))


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
